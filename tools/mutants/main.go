// Command mutants proves that the tests notice when a rule goes: it removes each rule of the configuration and each
// protection of the program, one at a time, and runs the tests, which must fail by an assertion.
//
//	go run ./tools/mutants [-list] [-run regexp]
//
// If EVIDENCE_DIR is set, it writes its results there, as the tests do, for docs/evidence.md.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// suite is a package whose unit tests must notice each of its mutants.
type suite struct {
	dir     string
	find    finder
	kinds   []string // each must occur in a mutant's name
	summary string
	row     string // of docs/evidence.md
}

var suites = []suite{
	{
		"./internal/config", findRules,
		[]string{"ps.Add", "ps.match(", "ps.matchAll"},
		"config rules: %s removed rules noticed",
		"rules of the configuration, removed one at a time and noticed by a test",
	},
	{
		".", findProtections, protections,
		"program: %s removed protections noticed",
		"protections and exclusivities of the program, removed one at a time and noticed by a test",
	},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("mutants: ")
	list := flag.Bool("list", false, "print the mutants and run nothing")
	only := flag.String("run", "", "try only the mutants whose lines in -list match this `regexp`")
	flag.Parse()
	selected, err := regexp.Compile(*only)
	if err != nil || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	survivors := 0
	for _, s := range suites {
		mutants, err := mutantsOf(s)
		if err != nil {
			log.Fatal(err)
		}
		mutants = slices.DeleteFunc(mutants, func(m mutant) bool { return !selected.MatchString(m.name) })
		switch {
		case *list:
			for _, m := range mutants {
				fmt.Println(m.name)
			}
		case len(mutants) > 0:
			n, err := s.try(mutants, *only == "")
			if err != nil {
				log.Fatal(err)
			}
			survivors += n
		}
	}
	if survivors > 0 {
		log.Fatalf("%d survived: add a unit test, or a case to internal/config/configtest/bad.go", survivors)
	}
}

// try prints which mutants the suite's tests didn't notice, and returns how many. It writes the evidence if they
// noticed all and the mutants are complete.
func (s suite) try(mutants []mutant, complete bool) (int, error) {
	tmp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(tmp)
	if out, err := s.test(); err != nil {
		return 0, fmt.Errorf("the tests of %s fail without a mutant: %w\n%s", s.dir, err, out)
	}
	verdicts := make([]string, len(mutants))
	slots := make(chan bool, 2)
	var running sync.WaitGroup
	for i, m := range mutants {
		slots <- true
		running.Go(func() {
			verdicts[i] = s.verdict(m, filepath.Join(tmp, fmt.Sprint(i)))
			fmt.Fprintf(os.Stderr, "%d/%d %s: %s\n", i+1, len(mutants), m.name, verdicts[i])
			<-slots
		})
	}
	running.Wait()
	survivors := 0
	for i, m := range mutants {
		if verdicts[i] != noticed {
			fmt.Printf("%s: %s\n", m.name, verdicts[i])
			survivors++
		}
	}
	count := fmt.Sprintf("%d of %d", len(mutants)-survivors, len(mutants))
	fmt.Printf(s.summary+"\n", count)
	dir := os.Getenv("EVIDENCE_DIR")
	if dir == "" || survivors > 0 || !complete {
		return survivors, nil
	}
	return 0, os.WriteFile(filepath.Join(dir, s.row), []byte("| "+s.row+" | "+count+" |\n"), 0o644)
}

const noticed = "noticed"

// verdict runs the tests with the mutant, which it writes to files whose names begin with path, and returns noticed if
// an assertion failed.
func (s suite) verdict(m mutant, path string) string {
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {m.file: path + ".go"}})
	if err == nil {
		err = os.WriteFile(path+".json", overlay, 0o600)
	}
	if err == nil {
		err = os.WriteFile(path+".go", []byte(m.source), 0o600)
	}
	if err != nil {
		return err.Error()
	}
	out, err := s.test("-overlay", path+".json")
	switch {
	case err == nil:
		return "SURVIVED"
	case !strings.Contains(out, "--- FAIL: "), strings.Contains(out, "panic: "):
		return "BROKEN: the tests failed, but not by an assertion\n" + out
	}
	return noticed
}

// test runs the suite's tests, without those that use the engine: it builds the program without the overlay.
func (s suite) test(args ...string) (string, error) {
	args = append([]string{"test", "-vet=off", "-count=1", "-timeout=2m", "-skip=^TestLifecycle"}, args...)
	out, err := exec.Command("go", append(args, s.dir)...).CombinedOutput()
	return string(out), err
}

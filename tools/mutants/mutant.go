package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is a source file with one thing removed.
type mutant struct {
	name   string // file, line and what is removed
	file   string // absolute path
	source string
}

// edit replaces a node of the syntax tree; $ stands for the node's source. The file must still compile.
type edit struct {
	node ast.Node
	with string
	what ast.Node // names the mutant
}

// finder returns the edits that remove what begins at a node, if anything.
type finder func(ast.Node) []edit

// mutantsOf returns a mutant for each edit that the suite finds in its folder's files, tests excepted.
func mutantsOf(s suite) ([]mutant, error) {
	files, err := filepath.Glob(filepath.Join(s.dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var mutants []mutant
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		found, err := mutantsIn(file, s.find)
		if err != nil {
			return nil, err
		}
		mutants = append(mutants, found...)
	}
	for _, kind := range s.kinds {
		if !slices.ContainsFunc(mutants, func(m mutant) bool { return strings.Contains(m.name, kind) }) {
			return nil, fmt.Errorf("found no %s in %s: run this in the project's folder, or mend tools/mutants", kind,
				s.dir)
		}
	}
	return mutants, nil
}

func mutantsIn(file string, find finder) ([]mutant, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	offset := func(p token.Pos) int { return fset.Position(p).Offset }
	text := func(n ast.Node) string { return string(source[offset(n.Pos()):offset(n.End())]) }
	var mutants []mutant
	for n := range ast.Preorder(tree) {
		for _, e := range find(n) {
			what := strings.Join(strings.Fields(text(e.what)), " ")
			mutants = append(mutants, mutant{
				name: fmt.Sprintf("%s:%d: %.80s", file, fset.Position(e.what.Pos()).Line, what),
				file: path,
				source: string(source[:offset(e.node.Pos())]) +
					strings.ReplaceAll(e.with, "$", text(e.node)) +
					string(source[offset(e.node.End()):]),
			})
		}
	}
	return mutants, nil
}

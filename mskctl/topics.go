package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"msk-serverless/internal/topics"
)

// topicsCmd holds what is done with a stack's topic catalogue.
type topicsCmd struct {
	Plan   topicsPlanCmd   `cmd:"" help:"Show what apply would change, or what a catalogue amounts to."`
	Apply  topicsApplyCmd  `cmd:"" help:"Create and change topics until they are as declared."`
	Check  topicsCheckCmd  `cmd:"" help:"Report every difference between the cluster and the catalogue."`
	Export topicsExportCmd `cmd:"" help:"Print a catalogue of the cluster's topics."`
}

// catalogueArg says which catalogue a command works on. Its stack needs no Pulumi.<stack>.yaml: inside the VPC there is
// only the catalogue.
type catalogueArg struct {
	Stack     string `arg:"" help:"Stack whose catalogue is topics/<stack>.yaml."`
	Catalogue string `       help:"Another file with the catalogue."              placeholder:"FILE"`
}

// envFlag says where the connection settings come from.
type envFlag struct {
	Env string `placeholder:"FILE" help:"File that client-env --role operator printed. Default: the environment."`
}

const connectionHelp = `It needs the catalogue, AWS credentials with the operators' policy, and what
"mskctl client-env STACK --role operator" prints, as a file or in the environment. Run it inside the VPC, in a security
group that the brokers admit. KAFKA_CA_FILE names a PEM file of certificate authorities to trust instead of the
system's.`

// topicsPlanCmd compares and changes nothing.
type topicsPlanCmd struct {
	catalogueArg
	envFlag
	Offline  bool     `help:"Don't connect: check the catalogue, count its partitions, time and cost."`
	Markdown bool     `help:"Print Markdown, for a pull request's comment."`
	Append   string   `help:"Append Markdown to a file, too." placeholder:"FILE"`
	All      bool     `help:"Print every change, and not only 20 of each kind."`
	Delete   []string `help:"Topics to delete; * stands for any characters." placeholder:"TOPIC" sep:"none"`
}

// Help returns the details of mskctl topics plan --help.
func (topicsPlanCmd) Help() string {
	return connectionHelp + `

With --offline it needs only the catalogue, and Pulumi.<stack>.yaml for the topic prefixes. Exit code 10 says that apply
would change something, or would refuse to.

Example: mskctl topics plan prod --env operator.env`
}

// Run prints the plan.
func (c *topicsPlanCmd) Run(s *session) error {
	t, err := s.openTopics(c.catalogueArg, c.Env)
	if err != nil {
		return err
	}
	if c.Offline {
		report := topics.Overview(t.Catalogue)
		t.print(report, c.Markdown, c.All)
		return errors.Join(report.Err(), c.appendTo(s, report))
	}
	defer t.close()
	plan, _, err := t.compare(c.Delete)
	if err != nil {
		return err
	}
	report := plan.Report()
	t.print(report, c.Markdown, c.All)
	if err := c.appendTo(s, report); err != nil {
		return err
	}
	if plan.Changes() || plan.Err() != nil {
		return &exitError{drifted, errors.New("the cluster isn't as declared")}
	}
	return nil
}

// appendTo appends the report to the file of --append, if there is one.
func (c *topicsPlanCmd) appendTo(s *session, report *topics.Report) error {
	if c.Append == "" {
		return nil
	}
	return appendFile(s.absolute(c.Append), "\n"+report.Markdown())
}

// topicsApplyCmd changes the cluster.
type topicsApplyCmd struct {
	catalogueArg
	envFlag
	Delete      []string `placeholder:"TOPIC" sep:"none" help:"Delete topics and their records; * is any characters."`
	DeleteCount int      `placeholder:"N"                help:"Confirms a deletion: how many topics --delete deletes."`
}

// Help returns the details of mskctl topics apply --help.
func (topicsApplyCmd) Help() string {
	return connectionHelp + `

It stays within AWS's quotas: 250 partitions created or deleted in 5 minutes, 2 requests a second. It may be stopped and
started again at any time. Two runs don't harm each other: each waits for the quotas that the other uses up. It deletes
only what --delete names, and that must not be in the catalogue any more.

Examples:

  mskctl topics apply prod --env operator.env
  mskctl topics apply prod --env operator.env --delete 'exchg.old.*' --delete-count 12`
}

// Run prints the plan and carries it out.
func (c *topicsApplyCmd) Run(s *session) error {
	t, err := s.openTopics(c.catalogueArg, c.Env)
	if err != nil {
		return err
	}
	defer t.close()
	plan, remove, err := t.compare(c.Delete)
	if err != nil {
		return err
	}
	t.print(plan.Report(), false, false)
	if err := plan.Err(); err != nil {
		return err
	}
	if len(remove) != c.DeleteCount {
		return fmt.Errorf("DATA LOSS: --delete would delete %d topics with their records, and --delete-count confirms "+
			"%d; nothing was changed", len(remove), c.DeleteCount)
	}
	if err := topics.Apply(s.ctx, t.cluster, t.Catalogue, remove, t.log); err != nil {
		return err
	}
	fmt.Fprintln(s.stdout, "\nAll topics are as declared, and have leaders.")
	return nil
}

// topicsCheckCmd is for the daily drift run.
type topicsCheckCmd struct {
	catalogueArg
	envFlag
	Markdown bool `help:"Print Markdown."`
}

// Help returns the details of mskctl topics check --help.
func (topicsCheckCmd) Help() string {
	return connectionHelp + `

Exit code 10 says that a topic is missing or differs, or that the cluster has one that is neither in the catalogue nor
under its key ignore.

Example: mskctl topics check prod --env operator.env`
}

// Run prints the differences.
func (c *topicsCheckCmd) Run(s *session) error {
	t, err := s.openTopics(c.catalogueArg, c.Env)
	if err != nil {
		return err
	}
	defer t.close()
	plan, _, err := t.compare(nil)
	if err != nil {
		return err
	}
	t.print(plan.Report(), c.Markdown, true)
	if plan.Differs() {
		return &exitError{drifted, fmt.Errorf("the topics of stack %s differ from the catalogue", c.Stack)}
	}
	return nil
}

// topicsExportCmd prints a catalogue.
type topicsExportCmd struct {
	envFlag
}

// Help returns the details of mskctl topics export --help.
func (topicsExportCmd) Help() string {
	return connectionHelp + `

Prints a catalogue that declares the topics as they are, those of Kafka and MSK left out. It needs no catalogue.

Example: mskctl topics export --env operator.env > topics/prod.yaml`
}

// Run prints the catalogue.
func (c *topicsExportCmd) Run(s *session) error {
	cluster, err := s.connect(c.Env)
	if err != nil {
		return err
	}
	defer cluster.Close()
	state, err := topics.Look(s.ctx, cluster, s.say)
	if err != nil {
		return err
	}
	doc, err := topics.Export(state)
	if err != nil {
		return err
	}
	_, err = s.stdout.Write(doc)
	return err
}

// topicRun is a catalogue, and what a command does with it.
type topicRun struct {
	*topics.Catalogue
	session  *session
	env      string
	title    string
	warnings []string
	cluster  *topics.Cluster // after compare
}

// openTopics reads the catalogue, and reports all its mistakes.
func (s *session) openTopics(arg catalogueArg, env string) (*topicRun, error) {
	file := arg.Catalogue
	if file == "" {
		if !stackName.MatchString(arg.Stack) {
			return nil, &exitError{2, fmt.Errorf("no stack can be named %q", arg.Stack)}
		}
		file = "topics/" + arg.Stack + ".yaml"
	}
	access, err := s.topicAccess(arg.Stack, env)
	if err != nil {
		return nil, err
	}
	c, warnings, err := topics.Load(s.dir, file, access)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: write a catalogue, or name one with --catalogue", err)
	}
	if err != nil {
		return nil, err
	}
	return &topicRun{Catalogue: c, session: s, env: env, title: "Topics of stack " + arg.Stack, warnings: warnings}, nil
}

// compare connects, and returns the difference between the catalogue and the cluster, with the topics that the patterns
// name for deletion.
func (t *topicRun) compare(patterns []string) (plan *topics.Plan, remove []string, err error) {
	s := t.session
	if t.cluster, err = s.connect(t.env); err != nil {
		return nil, nil, err
	}
	state, err := topics.Look(s.ctx, t.cluster, s.say)
	if err != nil {
		return nil, nil, err
	}
	remove, err = topics.Deletable(t.Catalogue, state, patterns)
	if err != nil {
		return nil, nil, err
	}
	return topics.Compare(t.Catalogue, state, remove), remove, nil
}

// close closes the connections, if there are any.
func (t *topicRun) close() {
	if t.cluster != nil {
		t.cluster.Close()
	}
}

func (t *topicRun) print(r *topics.Report, markdown, all bool) {
	r.Title, r.Warnings = t.title, t.warnings
	text := r.Text(all)
	if markdown {
		text = r.Markdown()
	}
	fmt.Fprint(t.session.stdout, text)
}

// log prints a line of progress with the time.
func (t *topicRun) log(line string) { t.session.say(time.Now().Format(time.TimeOnly) + " " + line) }

// say prints a line for people, which isn't part of the output.
func (s *session) say(line string) { fmt.Fprintln(s.stderr, line) }

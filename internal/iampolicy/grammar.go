package iampolicy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// InService returns the action with the prefix of the action that needs it.
func InService(needing, action string) string {
	service, _, _ := strings.Cut(needing, ":")
	return service + ":" + action
}

// arnForms are the resources that a statement may name, by type. Wildcards are allowed only at the end of a topic's
// prefix, for MSK Connect's own groups, for the log group's streams and for what is made in EC2 with a network
// interface (MSK developer guide, "Authorization policy resources"; CloudWatch Logs guide).
var arnForms = map[string]*regexp.Regexp{
	"cluster": regexp.MustCompile(
		`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+$`,
	),
	"topic": regexp.MustCompile(
		`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:topic/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+/[A-Za-z0-9._-]+\*$`,
	),
	"group": regexp.MustCompile(
		`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:group/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+/` +
			`([^*?\s]+|__amazon_msk_connect_\*)$`,
	),
	"transactional-id": regexp.MustCompile(
		`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:transactional-id/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+/[^*?\s]+$`,
	),
	"log-stream": regexp.MustCompile(
		`^arn:aws[a-z-]*:logs:[a-z0-9-]+:[0-9]{12}:log-group:[A-Za-z0-9._/#-]+:log-stream:\*$`,
	),
	"network-interface": regexp.MustCompile(`^arn:aws[a-z-]*:ec2:[a-z0-9-]+:[0-9]{12}:\*/\*$`),
}

// everyForm is the form of all topics or groups of a cluster, which only an action that describes may name.
var everyForm = regexp.MustCompile(
	`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:(topic|group)/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+/\*$`,
)

var sidForm = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// CheckGrammar returns what AWS or this project's rules refuse in a managed policy (IAM user guide, "Grammar of the
// IAM JSON policy language"; IAM quotas).
func CheckGrammar(doc string) []string {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	p, err := Parse(doc)
	if err != nil {
		add("%s", err)
		return wrong
	}
	if p.Version != "2012-10-17" {
		add("version %q", p.Version)
	}
	if len(p.Statement) == 0 {
		add("no statement")
	}
	if len(doc) > MaxSize {
		add("%d characters", len(doc))
	}
	sids := map[string]bool{}
	for _, s := range p.Statement {
		if !sidForm.MatchString(s.Sid) || sids[s.Sid] {
			add("Sid %q is not alphanumeric, or there twice", s.Sid)
		}
		sids[s.Sid] = true
		wrong = append(wrong, s.checkGrammar()...)
	}
	return wrong
}

func (s Rule) checkGrammar() []string {
	var wrong []string
	add := func(format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s: ", s.Sid)+fmt.Sprintf(format, args...))
	}
	if s.Effect != "Allow" {
		add("effect %q", s.Effect)
	}
	for what, list := range map[string][]string{"actions": s.Action, "resources": s.Resource} {
		if len(list) == 0 || !slices.Equal(list, sortedSet(list)) {
			add("no %s, or not sorted, each once: %s", what, list)
		}
	}
	for _, name := range s.Action {
		a, known := Actions[name]
		switch {
		case !known:
			add("unknown action %s", name)
		case !a.Serverless:
			add("%s does not apply to serverless clusters", name)
		case a.On == "" && !slices.Equal(s.Resource, []string{"*"}):
			add("%s has no resource type, so it takes * alone and not %s", name, s.Resource)
		case a.On == "" && len(s.Condition["StringEquals"]["aws:RequestedRegion"]) != 1:
			add("%s on * is not narrowed to one region", name)
		case a.On != "":
			for _, r := range s.Resource {
				every := strings.Contains(name, ":Describe") && everyForm.MatchString(r)
				if !every && !arnForms[a.On].MatchString(r) {
					add("%s takes the ARN of a %s and not %s", name, a.On, r)
				}
			}
		}
	}
	for _, keys := range s.Condition {
		for key := range keys {
			if key != "aws:RequestedRegion" {
				add("condition key %s", key)
			}
		}
	}
	return wrong
}

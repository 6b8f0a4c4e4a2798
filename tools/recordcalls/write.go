package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// line is one call, as the emulator writes it and as it is kept.
type line struct {
	Phase   string         `json:"phase"`
	Service string         `json:"service"`
	Action  string         `json:"action"`
	Path    string         `json:"path,omitempty"`
	Params  map[string]any `json:"params,omitempty"`
}

// kept are the parameters on which IAM's decision depends: names, and tags.
var kept = regexp.MustCompile(`^(AlarmNames?(\..*)?|alarmNames?|ClientSecurityGroup.*|DashboardNames?(\..*)?|GroupId|` +
	`InstanceProfileName|KeyId|Path|PermissionsBoundary|PolicyArn|PolicyName|ResourceARN|ResourceId\.\d+|RoleName|` +
	`Tag(Keys|s|Specification)?(\..*)?|VpcId|clusterName|logGroupName|resourceArn|tagKeys|tags)$`)

// names stand for what differs from one recording to the next.
type names map[string]string

var volatile = regexp.MustCompile(`\b(sgr?-[0-9a-f]{8,17}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\b|\d{13,}`)

// write writes the calls, each once, without what differs from one recording to the next.
func (n names) write(w io.Writer, raw io.Reader, phase string) error {
	seen := map[string]bool{}
	for d := json.NewDecoder(raw); ; {
		var c line
		err := d.Decode(&c)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		c.Phase = phase
		for key := range c.Params {
			if !kept.MatchString(key) {
				delete(c.Params, key)
			}
		}
		if c.Path == "/" {
			c.Path = ""
		}
		doc, err := json.Marshal(c)
		if err != nil {
			return err
		}
		text := volatile.ReplaceAllStringFunc(string(doc), n.stable)
		if !seen[text] {
			seen[text] = true
			if _, err := fmt.Fprintln(w, text); err != nil {
				return err
			}
		}
	}
}

// stable returns a name of the same form that counts.
func (n names) stable(id string) string {
	if name, ok := n[id]; ok {
		return name
	}
	number := len(n) + 1
	prefix, _, _ := strings.Cut(id, "-")
	switch prefix {
	case "sg", "sgr":
		n[id] = fmt.Sprintf("%s-%017d", prefix, number)
	default:
		n[id] = fmt.Sprintf("00000000-0000-0000-0000-%012d", number)
	}
	return n[id]
}

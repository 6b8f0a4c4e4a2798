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
	`InstanceProfileName|KeyId|Name|Path|PermissionsBoundary|PolicyArn|PolicyName|ResourceARN|ResourceId\.\d+|` +
	`RoleName|Rule|Tag(Keys|s|Specification)?(\..*)?|VpcId|clusterName|logGroupName|resourceArn|tagKeys|tags)$`)

// recording is what was written so far.
type recording struct {
	names map[string]string // for what differs from one recording to the next
	seen  map[string]bool
}

var volatile = regexp.MustCompile(`\b(sgr?-[0-9a-f]{8,17}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\b|\d{13,}`)

// write writes the calls without what differs from one recording to the next: each once for previews, and once for
// what deploys. It leaves out those of the phase init, which is by hand.
func (r recording) write(w io.Writer, raw io.Reader, phase string) error {
	for d := json.NewDecoder(raw); ; {
		var c line
		err := d.Decode(&c)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for key := range c.Params {
			if !kept.MatchString(key) {
				delete(c.Params, key)
			}
		}
		if c.Path == "/" || strings.HasPrefix(c.Path, "/service/") { // the action says as much
			c.Path = ""
		}
		before, err := r.text(c)
		if err != nil {
			return err
		}
		key := fmt.Sprint(phase == "preview", before)
		if r.seen[key] || phase == "init" {
			continue
		}
		r.seen[key] = true
		c.Phase = phase
		text, err := r.text(c)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
}

// text returns the call as JSON with stable names.
func (r recording) text(c line) (string, error) {
	doc, err := json.Marshal(c)
	if c.Service == "s3" { // each lock, backup and version of the state has a name of its own
		return volatile.ReplaceAllString(string(doc), "0"), err
	}
	return volatile.ReplaceAllStringFunc(string(doc), r.stable), err
}

// stable returns a name of the same form that counts.
func (r recording) stable(id string) string {
	if name, ok := r.names[id]; ok {
		return name
	}
	number := len(r.names) + 1
	prefix, _, _ := strings.Cut(id, "-")
	switch prefix {
	case "sg", "sgr":
		r.names[id] = fmt.Sprintf("%s-%017d", prefix, number)
	default:
		r.names[id] = fmt.Sprintf("00000000-0000-0000-0000-%012d", number)
	}
	return r.names[id]
}

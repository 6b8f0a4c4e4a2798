package aws

import (
	"fmt"
	"strings"
)

// LogGroup is a CloudWatch Logs group.
type LogGroup struct {
	RetentionDays int               `json:"retentionDays"` // 0 = for ever
	KMSKey        string            `json:"kmsKey,omitempty"`
	Class         string            `json:"class"`
	Tags          map[string]string `json:"tags,omitempty"`
}

var logGroupType = &resourceType{
	title: "CloudWatch Logs Log Group", service: "CloudWatch Logs", name: "name", maxName: 512,
	apis: map[Operation]string{
		Create: "CreateLogGroup", Read: "DescribeLogGroups", Update: "PutRetentionPolicy", Delete: "DeleteLogGroup",
	},
	props: tagged(named(match(`[.\-_/#A-Za-z0-9]{1,512}`, "1 to 512 of a-zA-Z0-9 .-_/#"), map[string]prop{
		// The values that PutRetentionPolicy takes; the provider adds 0, for none.
		"retentionInDays": {shape: number, def: 0.0, rule: oneOf(
			0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
		)},
		"kmsKeyId": {shape: text, rule: arnRule},
		"logGroupClass": {
			shape:    text,
			computed: true,
			replaces: true,
			rule:     oneOf("STANDARD", "INFREQUENT_ACCESS", "DELIVERY"),
		},
	})),
	outputs: []string{"arn"},
	create: func(r *request) (string, error) {
		name := r.physicalName("log-group")
		if r.state.LogGroups[r.logGroupARN(name)] != nil {
			return "", &Error{
				Status:  400,
				Code:    "ResourceAlreadyExistsException",
				Message: "The specified log group already exists",
			}
		}
		g := &LogGroup{Class: "STANDARD"}
		if c := r.in.str("logGroupClass"); c != "" {
			g.Class = c
		}
		if err := r.putLogGroup(g); err != nil {
			return "", err
		}
		r.state.LogGroups[r.logGroupARN(name)] = g
		return name, nil
	},
	read: func(r *request) (object, error) {
		g := r.state.LogGroups[r.logGroupARN(r.id)]
		if g == nil {
			return nil, nil
		}
		out := object{
			"arn": r.logGroupARN(r.id), "name": r.id, "namePrefix": r.old.str("namePrefix"),
			"retentionInDays": float64(g.RetentionDays), "logGroupClass": g.Class,
		}
		if g.KMSKey != "" {
			out["kmsKeyId"] = g.KMSKey
		}
		return r.tagsOut(out, g.Tags), nil
	},
	update: func(r *request) error {
		g := r.state.LogGroups[r.logGroupARN(r.id)]
		if g == nil {
			return &Error{
				Status:  400,
				Code:    "ResourceNotFoundException",
				Message: "The specified log group does not exist.",
			}
		}
		return r.putLogGroup(g)
	},
	delete: func(r *request) error {
		delete(r.state.LogGroups, r.logGroupARN(r.id))
		return nil
	},
}

func (r *request) logGroupARN(name string) string { return r.arn("logs", "log-group:"+name) }

// putLogGroup: a key of another region can't be used.
func (r *request) putLogGroup(g *LogGroup) error {
	key := r.in.str("kmsKeyId")
	if key != "" && !strings.HasPrefix(key, fmt.Sprintf("arn:%s:kms:%s:", r.provider.partition(), r.provider.region)) {
		return &Error{
			Status: 400,
			Code:   "InvalidParameterException",
			Message: fmt.Sprintf("The specified KMS key does not exist or is not allowed to be used with Arn '%s'",
				key),
		}
	}
	g.KMSKey, g.RetentionDays, g.Tags = key, r.in.num("retentionInDays"), r.in.dict("tagsAll")
	return nil
}

package aws

import (
	"fmt"
	"strings"
)

// Dashboard is a CloudWatch dashboard.
type Dashboard struct {
	Body string `json:"body"`
}

// Alarm is a CloudWatch alarm: its settings as the program gave them, by the provider's names.
type Alarm struct {
	Settings map[string]any    `json:"settings"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// Dashboards and alarms are put: one of the same name is overwritten, not refused (PutDashboard, PutMetricAlarm).
var dashboardType = &resourceType{
	title: "CloudWatch Dashboard", service: "CloudWatch",
	apis: map[Operation]string{
		Create: "PutDashboard",
		Read:   "GetDashboard",
		Update: "PutDashboard",
		Delete: "DeleteDashboards",
	},
	props: map[string]prop{
		"dashboardName": {
			shape:    text,
			required: true,
			replaces: true,
			rule:     match(`[\w-]{1,255}`, "1 to 255 of a-zA-Z0-9-_"),
		},
		"dashboardBody": {shape: text, json: true, required: true, rule: isJSON},
	},
	outputs: []string{"dashboardArn"},
	create:  func(r *request) (string, error) { return r.in.str("dashboardName"), putDashboard(r) },
	read: func(r *request) (object, error) {
		d := r.state.Dashboards[r.id]
		if d == nil {
			return nil, nil
		}
		return object{
			"dashboardName": r.id, "dashboardBody": d.Body, "dashboardArn": r.arn("cloudwatch", "dashboard/"+r.id),
		}, nil
	},
	update: putDashboard,
	delete: func(r *request) error { delete(r.state.Dashboards, r.id); return nil },
}

var actions = prop{shape: set, rule: atMost(5), of: &prop{shape: text, rule: arnRule}}

var alarmType = &resourceType{
	title: "CloudWatch Metric Alarm", service: "CloudWatch", name: "name", maxName: 255,
	apis: map[Operation]string{
		Create: "PutMetricAlarm",
		Read:   "DescribeAlarms",
		Update: "PutMetricAlarm",
		Delete: "DeleteAlarms",
	},
	props: tagged(map[string]prop{
		"name": {shape: text, replaces: true, rule: length(1, 255)},
		"comparisonOperator": {shape: text, required: true, rule: oneOf(
			"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold",
			"LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold",
		)},
		"evaluationPeriods": {shape: number, required: true, rule: between(1, 1e6)},
		"datapointsToAlarm": {shape: number, rule: between(1, 1e6)},
		"threshold":         {shape: number}, "thresholdMetricId": {shape: text},
		"treatMissingData": {
			shape: text,
			def:   "missing",
			rule:  oneOf("missing", "breaching", "notBreaching", "ignore"),
		},
		"actionsEnabled": {shape: flag, def: true}, "alarmActions": actions, "okActions": actions,
		"insufficientDataActions": actions,
		"alarmDescription":        {shape: text, rule: length(0, 1024)},
		"metricName":              {shape: text}, "namespace": {shape: text}, "dimensions": {shape: dict},
		"period": {shape: number}, "unit": {shape: text}, "extendedStatistic": {shape: text},
		"statistic": {
			shape: text,
			rule:  oneOf("SampleCount", "Average", "Sum", "Minimum", "Maximum"),
		},
		"evaluateLowSampleCountPercentiles": {shape: text, computed: true, rule: oneOf("evaluate", "ignore")},
		"metricQueries": {shape: set, of: &prop{shape: block, fields: map[string]prop{
			"id": {
				shape:    text,
				required: true,
				rule:     match(`[a-z]\w{0,254}`, "a small letter, then letters, digits and _"),
			},
			"accountId": {shape: text}, "expression": {shape: text, rule: length(1, 2048)},
			"label": {shape: text}, "period": {shape: number}, "returnData": {shape: flag},
			"metric": {shape: block, fields: map[string]prop{
				"metricName": {shape: text, required: true}, "namespace": {shape: text}, "dimensions": {shape: dict},
				"period": {shape: number, required: true}, "stat": {shape: text, required: true}, "unit": {shape: text},
			}},
		}}},
	}),
	outputs: []string{"arn"},
	check:   checkAlarm,
	create:  func(r *request) (string, error) { r.id = r.in.str("name"); return r.id, putAlarm(r) },
	read: func(r *request) (object, error) {
		a := r.state.Alarms[r.alarmARN()]
		if a == nil {
			return nil, nil
		}
		out := object{"name": r.id, "arn": r.alarmARN()}
		for k, v := range a.Settings {
			out[k] = v
		}
		return r.tagsOut(out, a.Tags), nil
	},
	update: putAlarm,
	delete: func(r *request) error { delete(r.state.Alarms, r.alarmARN()); return nil },
}

func putDashboard(r *request) error {
	if strings.TrimSpace(r.in.str("dashboardBody"))[0] != '{' {
		return &Error{
			Status:  400,
			Code:    "InvalidParameterInput",
			Message: "The field DashboardBody must be a valid JSON object",
		}
	}
	r.state.Dashboards[r.in.str("dashboardName")] = &Dashboard{Body: r.in.str("dashboardBody")}
	return nil
}

func (r *request) alarmARN() string { return r.arn("cloudwatch", "alarm:"+r.id) }

// checkAlarm: an alarm watches one metric, or one result of its queries.
func checkAlarm(in object) string {
	queries := in.list("metricQueries")
	if (len(queries) > 0) == in.has("metricName") {
		return "one of metricName and metricQueries must be given"
	}
	results := 0
	for _, q := range queries {
		query := object(q.(map[string]any))
		if query.flag("returnData") {
			results++
		}
		if strings.HasPrefix(query.str("expression"), "SELECT") && !query.has("period") {
			return "a Metrics Insights query needs a period"
		}
	}
	if len(queries) > 0 && results != 1 {
		return fmt.Sprintf("exactly one of metricQueries returns data, got %d", results)
	}
	return ""
}

func putAlarm(r *request) error {
	settings := map[string]any{}
	for k, v := range r.in {
		if k != "name" && k != "tags" && k != "tagsAll" {
			settings[k] = v
		}
	}
	if n := r.in.num("datapointsToAlarm"); n > r.in.num("evaluationPeriods") {
		return &Error{
			Status:  400,
			Code:    "ValidationError",
			Message: "DatapointsToAlarm must be less than or equal to EvaluationPeriods",
		}
	}
	r.state.Alarms[r.alarmARN()] = &Alarm{Settings: settings, Tags: r.in.dict("tagsAll")}
	return nil
}

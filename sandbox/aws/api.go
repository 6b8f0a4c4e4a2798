package aws

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// ServeAPI serves AWS's own HTTP APIs on loopback until stop is called: the look-ups in queries and jsonCalls, and no
// other. Answers come in one page, and hold those properties alone that the sandbox knows. Signatures aren't checked.
func (b *Sandbox) ServeAPI() (endpoint string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(b.serveAPI), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	return "http://" + l.Addr().String(), func() { server.Close() }, nil
}

// SDKEnv returns the environment in which an AWS SDK or the AWS CLI uses an endpoint of ServeAPI.
func SDKEnv(endpoint string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
}

// queries are the look-ups of the services with a Query API, which answer in XML.
var queries = map[string]func(*request, url.Values) (any, error){
	"sts:AssumeRole":                 assumeRole,
	"ec2:DescribeSecurityGroups":     describeGroups,
	"ec2:DescribeSecurityGroupRules": describeRules,
	"iam:GetInstanceProfile":         getInstanceProfile,
	"iam:GetPolicy":                  getManagedPolicy,
	"iam:GetRole":                    getRole,
	"iam:ListInstanceProfiles":       listInstanceProfiles,
	"iam:ListPolicies":               listPolicies,
	"iam:ListRoles":                  listRoles,
}

// jsonCalls are the look-ups of the services that answer in JSON.
var jsonCalls = map[string]func(*request, object) (any, error){
	"kafka:ListClustersV2":     listClusters,
	"logs:DescribeLogGroups":   describeLogGroups,
	"logs:ListTagsForResource": listLogTags,
	"tagging:GetResources":     getResources,
}

// scope finds the region and the service in the credentials' scope of a signature.
var scope = regexp.MustCompile(`Credential=[^/]+/\d+/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request`)

func (b *Sandbox) serveAPI(w http.ResponseWriter, req *http.Request) {
	signed := scope.FindStringSubmatch(req.Header.Get("Authorization"))
	if signed == nil {
		http.Error(w, "not signed", http.StatusForbidden)
		return
	}
	region, service := signed[1], signed[2]
	_, target, isJSON := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	var answer func(r *request) (any, error)
	var action string
	switch {
	case isJSON:
		action = target
		in := object{}
		if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if call, ok := jsonCalls[service+":"+action]; ok {
			answer = func(r *request) (any, error) { return call(r, in) }
		}
	case service == "kafka" && req.URL.Path == "/api/v2/clusters":
		isJSON, action = true, "ListClustersV2"
		in := object{"clusterNameFilter": req.URL.Query().Get("clusterNameFilter")}
		answer = func(r *request) (any, error) { return listClusters(r, in) }
	default:
		action = req.FormValue("Action")
		if call, ok := queries[service+":"+action]; ok {
			answer = func(r *request) (any, error) { return call(r, req.Form) }
		}
	}
	name := service + ":" + cmp.Or(action, req.URL.Path)
	if answer == nil {
		http.Error(w, "the sandbox doesn't serve "+name, http.StatusNotImplemented)
		return
	}
	var out any
	call := Call{Operation: LookUp, Type: name, Name: asked(req.Form)}
	_, err := b.do(context.Background(), call, func(s *State) (string, error) {
		var err error
		out, err = answer(&request{provider: &provider{sandbox: b, region: region}, state: s})
		return "", err
	})
	if isJSON {
		writeJSON(w, out, err)
	} else {
		writeXML(w, service, action, out, err)
	}
}

// asked returns the name of the one object of IAM that a request is about.
func asked(form url.Values) string {
	return form.Get("RoleName") + form.Get("PolicyArn") + form.Get("InstanceProfileName")
}

// asError returns AWS's answer in err.
func asError(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: err.Error()}
	}
	return e
}

func writeJSON(w http.ResponseWriter, out any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		e := asError(err)
		w.Header().Set("X-Amzn-Errortype", e.Code)
		w.WriteHeader(cmp.Or(e.Status, http.StatusInternalServerError))
		out = map[string]string{"__type": e.Code, "message": e.Message}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// writeXML writes an answer of a Query API. EC2 has a form of its own.
func writeXML(w http.ResponseWriter, service, action string, out any, err error) {
	w.Header().Set("Content-Type", "text/xml")
	if err != nil {
		e := asError(err)
		w.WriteHeader(cmp.Or(e.Status, http.StatusInternalServerError))
		text := "<Error><Code>" + escape(e.Code) + "</Code><Message>" + escape(e.Message) + "</Message></Error>"
		if service == "ec2" {
			fmt.Fprintf(w, "<Response><Errors>%s</Errors></Response>", text)
		} else {
			fmt.Fprintf(w, "<ErrorResponse>%s</ErrorResponse>", text)
		}
		return
	}
	element := action + "Result"
	if service == "ec2" {
		element = action + "Response"
	}
	var body bytes.Buffer
	err = xml.NewEncoder(&body).EncodeElement(out, xml.StartElement{Name: xml.Name{Local: element}})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if service != "ec2" {
		fmt.Fprintf(w, "<%[1]sResponse>%[2]s</%[1]sResponse>", action, &body)
		return
	}
	_, _ = w.Write(body.Bytes())
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

var groupID = regexp.MustCompile(`sg-[0-9a-f]+`)

// call sends a request to the emulator, signed for the service in form only, and returns the answer.
func call(method, path, service, contentType, target, body string) (string, error) {
	req, err := http.NewRequest(method, os.Getenv("AWS_ENDPOINT_URL")+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/ap-south-1/"+service+"/aws4_request")
	if target != "" {
		req.Header.Set("X-Amz-Target", target)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s of %s: %s: %s", method, service, resp.Status, answer)
	}
	return string(answer), err
}

func query(service string, values url.Values) (string, error) {
	return call(http.MethodPost, "/", service, "application/x-www-form-urlencoded", "", values.Encode())
}

func makeBucket(name string) error {
	_, err := call(http.MethodPut, "/"+name, "s3", "", "",
		`<CreateBucketConfiguration><LocationConstraint>ap-south-1</LocationConstraint></CreateBucketConfiguration>`)
	return err
}

// makeKey makes a KMS key and returns its ARN.
func makeKey() (string, error) {
	answer, err := call(http.MethodPost, "/", "kms", "application/x-amz-json-1.1", "TrentService.CreateKey", "{}")
	if err != nil {
		return "", err
	}
	var made struct{ KeyMetadata struct{ Arn string } }
	err = json.Unmarshal([]byte(answer), &made)
	return made.KeyMetadata.Arn, err
}

const readObjects = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`

// makePolicy makes a policy of the account and returns its ARN.
func makePolicy(name string) (string, error) {
	_, err := query("iam", url.Values{
		"Action": {"CreatePolicy"}, "Version": {"2010-05-08"}, "PolicyName": {name}, "PolicyDocument": {readObjects},
	})
	return "arn:aws:iam::123456789012:policy/" + name, err
}

func makeGroups(vpc string, names ...string) ([]string, error) {
	var ids []string
	for _, name := range names {
		answer, err := query("ec2", url.Values{
			"Action": {"CreateSecurityGroup"}, "Version": {"2016-11-15"},
			"GroupName": {name}, "GroupDescription": {name}, "VpcId": {vpc},
		})
		if err != nil {
			return nil, err
		}
		ids = append(ids, groupID.FindString(answer))
	}
	return ids, nil
}

// groupRule is a rule of a security group.
type groupRule struct {
	ID    string `xml:"securityGroupRuleId"`
	Group string `xml:"groupId"`
	CIDR  string `xml:"cidrIpv4"`
}

// findRule returns the rule for the address block.
func findRule(cidr string) (groupRule, error) {
	answer, err := query("ec2", url.Values{"Action": {"DescribeSecurityGroupRules"}, "Version": {"2016-11-15"}})
	if err != nil {
		return groupRule{}, err
	}
	var list struct {
		Rules []groupRule `xml:"securityGroupRuleSet>item"`
	}
	if err := xml.Unmarshal([]byte(answer), &list); err != nil {
		return groupRule{}, err
	}
	for _, rule := range list.Rules {
		if rule.CIDR == cidr {
			return rule, nil
		}
	}
	return groupRule{}, fmt.Errorf("no rule for %s in %s", cidr, answer)
}

// deletePolicy deletes the policy of the only cluster, which can't be put again over one that exists.
func deletePolicy() error {
	answer, err := call(http.MethodGet, "/api/v2/clusters", "kafka", "", "", "")
	if err != nil {
		return err
	}
	var list struct {
		Clusters []struct {
			ARN string `json:"clusterArn"`
		} `json:"clusterInfoList"`
	}
	if err := json.Unmarshal([]byte(answer), &list); err != nil {
		return err
	}
	if len(list.Clusters) != 1 {
		return fmt.Errorf("not one cluster in %s", answer)
	}
	_, err = call(http.MethodDelete, "/v1/clusters/"+url.PathEscape(list.Clusters[0].ARN)+"/policy", "kafka", "", "", "")
	return err
}

func decodeYAML(doc []byte) (map[string]any, error) {
	var values map[string]any
	err := yaml.Unmarshal(doc, &values)
	return values, err
}

package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// variablesCmd checks what a job needs before it asks for credentials.
type variablesCmd struct {
	Stack string `arg:"" help:"Stack of the job."`
}

// Help returns the details of mskctl ci variables --help.
func (variablesCmd) Help() string {
	return `Names each output of the template bootstrap/stack.yaml that is missing from the job's environment or from the
stack's file, and prints the subject of the job's OIDC token, which the role's trust policy must admit. Reads the
variables PULUMI_BACKEND_URL, AWS_REGION and ROLE.

Example: mskctl ci variables prod`
}

// Run checks the variables and prints the subject.
func (c *variablesCmd) Run(s *session) error {
	if err := s.checkStack(c.Stack); err != nil {
		return err
	}
	var missing []string
	backend := s.getenv("PULUMI_BACKEND_URL")
	if !strings.HasPrefix(backend, "s3://") || !strings.Contains(backend, "region=") {
		missing = append(missing, fmt.Sprintf("variable PULUMI_BACKEND_URL is %q: set it to the output StateBucketUrl, "+
			"s3://<bucket>?region=<region>", backend))
	}
	if s.getenv("AWS_REGION") == "" {
		missing = append(missing, "variable AWS_REGION is not set: set it to the stack's region")
	}
	if !strings.HasPrefix(s.getenv("ROLE"), "arn:") {
		missing = append(missing, "the role is not set: set the variable AWS_PREVIEW_ROLE_ARN of the environment "+c.Stack+
			previewSuffix+" to the output PreviewRoleArn, and AWS_DEPLOY_ROLE_ARN of the environment "+c.Stack+
			" to the output DeployRoleArn")
	}
	doc, err := os.ReadFile(s.path("Pulumi." + c.Stack + ".yaml"))
	if err != nil {
		return err
	}
	if !strings.Contains("\n"+string(doc), "\nsecretsprovider:") {
		missing = append(missing, "Pulumi."+c.Stack+".yaml has no secretsprovider: run `pulumi stack init "+c.Stack+
			" --secrets-provider='<output SecretsProvider>'` and commit what it adds")
	}
	subject, err := s.tokenSubject()
	if err != nil {
		return err
	}
	fmt.Fprintln(s.stdout, "subject of this job's token:", subject)
	if len(missing) > 0 {
		return errors.New("this job can't work on stack " + c.Stack + ":\n  * " + strings.Join(missing, "\n  * "))
	}
	return nil
}

// tokenSubject returns the subject of an OIDC token that GitHub gives the job.
func (s *session) tokenSubject() (string, error) {
	address, token := s.getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), s.getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if address == "" {
		return "", errors.New("GitHub gives this job no OIDC token: it needs the permission id-token: write")
	}
	request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, address+"&audience=sts.amazonaws.com", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.httpClient().Do(request)
	if err != nil {
		return "", fmt.Errorf("asking GitHub for an OIDC token: %w", err)
	}
	defer resp.Body.Close()
	var answer struct{ Value string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("asking GitHub for an OIDC token: %s: %w", resp.Status, err)
	}
	parts := strings.Split(answer.Value, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("asking GitHub for an OIDC token: %s: its answer has none", resp.Status)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", fmt.Errorf("GitHub's OIDC token: %w", err)
	}
	var claims struct{ Sub string }
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", fmt.Errorf("GitHub's OIDC token: %w", err)
	}
	return claims.Sub, nil
}

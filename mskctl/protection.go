package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-github/v88/github"

	"msk-serverless/internal/config"
)

// unreviewedKey is the setting that lets a stack be deployed without approval. It is committed, and its value says why.
const unreviewedKey = config.UnreviewedKey

// unreviewed returns why the stack is deployed without approval, or "" if approval is required.
func (s *session) unreviewed(stack string) (string, error) {
	file := "Pulumi." + stack + ".yaml"
	doc, err := os.ReadFile(s.path(file))
	if err != nil {
		return "", err
	}
	top, err := stackFile(doc)
	if err != nil {
		return "", nil //nolint:nilerr // Pulumi says what is wrong with the file
	}
	reason := member(member(top, "config"), unreviewedKey)
	if reason == nil {
		return "", nil
	}
	if reason.Tag != "!!str" || strings.TrimSpace(reason.Value) == "" {
		return "", fmt.Errorf("%s of %s: %q: write the reason as text", unreviewedKey, file, reason.Value)
	}
	return reason.Value, nil
}

// notes returns what every summary of the stack has to say.
func (s *session) notes(stack string) ([]string, error) {
	reason, err := s.unreviewed(stack)
	if reason == "" || err != nil {
		return nil, err
	}
	return []string{"NOT REVIEWED: this stack is deployed without approval (" + unreviewedKey + ": " + reason + ")"}, nil
}

// checkEnvironment returns an error unless GitHub gives the stack's deploy role to approved runs of main alone.
func (c *initCmd) checkEnvironment(s *session) (string, error) {
	if s.getenv("GH_TOKEN") == "" {
		return "set GITHUB_REPOSITORY=<owner>/<name> and GH_TOKEN to check it", errSkipped
	}
	repo, err := s.repository()
	if err != nil {
		return "", err
	}
	reason, err := s.unreviewed(c.Stack)
	if err != nil {
		return "", &remedied{err, "correct the file"}
	}
	env, resp, err := repo.client.Repositories.GetEnvironment(s.ctx, repo.owner, repo.name, c.Stack)
	if resp != nil && resp.StatusCode == http.StatusNotFound {
		return "", errors.New("there is no such environment")
	}
	if err != nil {
		return "", err
	}
	missing, err := repo.openBranches(s, env)
	if err != nil {
		return "", err
	}
	if reason == "" {
		missing = append(missing, refuseReviews(env)...)
	}
	if len(missing) > 0 {
		return "", errors.New(strings.Join(missing, "\n"))
	}
	if reason != "" {
		return "NOT REVIEWED, " + unreviewedKey + ": " + reason, nil
	}
	return "reviewed, from main only", nil
}

// refuseReviews returns what is wrong with an environment's reviews.
func refuseReviews(env *github.Environment) []string {
	var missing []string
	reviewers, selfReview := 0, true
	for _, rule := range env.ProtectionRules {
		if rule.GetType() == "required_reviewers" {
			reviewers += len(rule.Reviewers)
			selfReview = !rule.GetPreventSelfReview()
		}
	}
	switch {
	case reviewers == 0:
		missing = append(missing, "it has no required reviewers, so every run of main gets the deploy role")
	case selfReview:
		missing = append(missing, "the person who starts a deployment may approve it: tick \"Prevent self-review\"")
	}
	if env.CanAdminsBypass == nil || env.GetCanAdminsBypass() {
		missing = append(missing, "administrators may bypass its rules: untick \"Allow administrators to bypass\"")
	}
	return missing
}

// openBranches returns an error text if the environment admits other branches than main.
func (r repository) openBranches(s *session, env *github.Environment) ([]string, error) {
	if !env.GetDeploymentBranchPolicy().GetCustomBranchPolicies() {
		return []string{"it doesn't say which branches may deploy: select the branch main, and no other"}, nil
	}
	name := env.GetName()
	for p, err := range r.client.Repositories.ListDeploymentBranchPoliciesIter(s.ctx, r.owner, r.name, name, nil) {
		if err != nil {
			return nil, err
		}
		if p.GetName() != "main" || p.GetType() == "tag" {
			return []string{
				fmt.Sprintf("it admits the %s %q: select the branch main, and no other", p.GetType(), p.GetName()),
			}, nil
		}
	}
	return nil, nil
}

// subjects returns the two forms of the subject in the OIDC token of a job in the environment. Repositories that were
// created or renamed since 15 July 2026 have the second.
func (s *session) subjects(environment string) ([]string, error) {
	owner, name, ok := strings.Cut(s.getenv("GITHUB_REPOSITORY"), "/")
	if !ok {
		return nil, errSkipped
	}
	ownerID, id := s.getenv("GITHUB_REPOSITORY_OWNER_ID"), s.getenv("GITHUB_REPOSITORY_ID")
	if (ownerID == "" || id == "") && s.getenv("GH_TOKEN") != "" {
		repo, err := s.repository()
		if err != nil {
			return nil, err
		}
		r, _, err := repo.client.Repositories.Get(s.ctx, owner, name)
		if err != nil {
			return nil, err
		}
		ownerID, id = fmt.Sprint(r.GetOwner().GetID()), fmt.Sprint(r.GetID())
	}
	if ownerID == "" || id == "" {
		return nil, errSkipped
	}
	return []string{
		fmt.Sprintf("repo:%s/%s:environment:%s", owner, name, environment),
		fmt.Sprintf("repo:%s@%s/%s@%s:environment:%s", owner, ownerID, name, id, environment),
	}, nil
}

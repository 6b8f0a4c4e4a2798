package main

import (
	"fmt"
	"strings"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
	"msk-serverless/internal/iampolicy"
)

const assumeRole = "sts:AssumeRole"

// trustPolicy returns the trust policy of a role: a statement for each thing that its client runs on, with every
// condition that AWS documents for it.
func trustPolicy(r config.RunsOn, region string, acct account) iampolicy.Document {
	var statements []iampolicy.Statement
	if r.EC2 {
		// IAM user guide, "Use an IAM role to grant permissions to applications running on Amazon EC2 instances".
		statements = append(statements, trusted("Instances", "Service", "ec2.amazonaws.com"))
	}
	if r.ECS {
		statements = append(statements, tasks(region, acct))
	}
	for i, p := range r.PodIdentity {
		statements = append(statements, pods(fmt.Sprint("Pods", i+1), p, region, acct))
	}
	for i, p := range r.IRSA {
		statements = append(statements, webIdentity(fmt.Sprint("ServiceAccount", i+1), p))
	}
	if r.Lambda {
		// Lambda guide, "Defining Lambda function permissions with an execution role".
		statements = append(statements, trusted("Functions", "Service", "lambda.amazonaws.com"))
	}
	if r.MSKConnect {
		statements = append(statements, connectors(region, acct))
	}
	if r.Account != nil {
		statements = append(statements, otherAccount(*r.Account, acct))
	}
	return iampolicy.NewDocument(statements...)
}

func trusted(sid, kind string, principals ...string) iampolicy.Statement {
	return iampolicy.Statement{
		Sid:       sid,
		Effect:    "Allow",
		Principal: map[string]iampolicy.Strings{kind: principals},
		Action:    []string{assumeRole},
	}
}

// fromSource returns the conditions against a service that acts for another account: the account and ARN of what it
// acts for (IAM user guide, "The confused deputy problem").
func fromSource(arn string, acct account) map[string]map[string]string {
	return map[string]map[string]string{
		"StringEquals": {"aws:SourceAccount": acct.ID},
		"ArnLike":      {"aws:SourceArn": arn},
	}
}

// tasks trusts the account's ECS tasks in the region (Amazon ECS guide, "Amazon ECS task IAM role": neither a
// cluster nor a task definition can be named).
func tasks(region string, acct account) iampolicy.Statement {
	s := trusted("Tasks", "Service", "ecs-tasks.amazonaws.com")
	s.Condition = fromSource(fmt.Sprintf("arn:%s:ecs:%s:%s:*", acct.Partition, region, acct.ID), acct)
	return s
}

// pods trusts the pods of one service account of a cluster (EKS guide, "Create IAM role with trust policy required by
// EKS Pod Identity" and "Grant Pods access to AWS resources based on tags", which lists the session tags).
func pods(sid string, p config.PodIdentity, region string, acct account) iampolicy.Statement {
	s := trusted(sid, "Service", "pods.eks.amazonaws.com")
	s.Action = append(s.Action, "sts:TagSession")
	cluster := fmt.Sprintf("arn:%s:eks:%s:%s:cluster/%s", acct.Partition, region, acct.ID, p.Cluster)
	s.Condition = map[string]map[string]string{"StringEquals": {
		"aws:SourceAccount":                         acct.ID,
		"aws:RequestTag/eks-cluster-arn":            cluster,
		"aws:RequestTag/kubernetes-namespace":       p.Namespace,
		"aws:RequestTag/kubernetes-service-account": p.ServiceAccount,
	}}
	return s
}

// webIdentity trusts the tokens of one service account, made for AWS (EKS guide, "Assign IAM roles to Kubernetes
// service accounts").
func webIdentity(sid string, p config.IRSA) iampolicy.Statement {
	s := trusted(sid, "Federated", p.ProviderARN)
	s.Action = []string{"sts:AssumeRoleWithWebIdentity"}
	_, issuer, _ := strings.Cut(p.ProviderARN, ":oidc-provider/")
	s.Condition = map[string]map[string]string{"StringEquals": {
		issuer + ":aud": "sts.amazonaws.com",
		issuer + ":sub": "system:serviceaccount:" + p.Namespace + ":" + p.ServiceAccount,
	}}
	return s
}

// connectors trusts the account's connectors in the region (MSK guide, "Understand service execution role"). A
// connector's ARN isn't known before the connector is made with the role.
func connectors(region string, acct account) iampolicy.Statement {
	s := trusted("Connectors", "Service", "kafkaconnect.amazonaws.com")
	s.Condition = fromSource(fmt.Sprintf("arn:%s:kafkaconnect:%s:%s:connector/*", acct.Partition, region, acct.ID), acct)
	return s
}

// otherAccount trusts roles of another account, or all that give the external id (IAM user guide, "Access to AWS
// accounts owned by third parties").
func otherAccount(a config.OtherAccount, acct account) iampolicy.Statement {
	principals := a.RoleARNs
	if len(principals) == 0 {
		principals = []string{fmt.Sprintf("arn:%s:iam::%s:root", acct.Partition, a.ID)}
	}
	s := trusted("OtherAccount", "AWS", principals...)
	if a.ExternalID != "" {
		s.Condition = map[string]map[string]string{"StringEquals": {"sts:ExternalId": a.ExternalID}}
	}
	return s
}

// maxTrustSize is how many characters a trust policy may have, white space not counted (IAM quotas).
const maxTrustSize = 2048

// verifyTrust adds a problem for each client whose role would trust the wrong account or too much to fit.
func verifyTrust(cfg config.Config, acct account, ps *config.Problems) {
	for _, c := range cfg.Clients() {
		key := c.Key + ".runsOn"
		if a := c.RunsOn.Account; a != nil && a.ID == acct.ID {
			ps.Add(key+".account.id", a.ID, "is the stack's own account: attach the client's policy to its role instead, "+
				"or name what it runs on")
		}
		own := fmt.Sprintf("arn:%s:iam::%s:", acct.Partition, acct.ID)
		for _, p := range c.RunsOn.IRSA {
			if !strings.HasPrefix(p.ProviderARN, own) {
				ps.Add(key+".irsa", p.ProviderARN, "must be a provider of the stack's account, %s", acct.ID)
			}
		}
		for _, arn := range c.PolicyARNs.Names {
			if !strings.HasPrefix(arn, own) && !strings.HasPrefix(arn, "arn:"+acct.Partition+":iam::aws:") {
				ps.Add(c.PolicyARNs.Key, arn, "must be a policy of the stack's account, %s, or of AWS", acct.ID)
			}
		}
		if n := len(compact.JSON(trustPolicy(c.RunsOn, cfg.Region, acct))); n > maxTrustSize {
			ps.Add(key, strings.Join(c.RunsOn.Kinds(), ", "), "would give the role a trust policy of %d characters, and IAM "+
				"allows %d: divide the client's service accounts or accounts among two clients", n, maxTrustSize)
		}
	}
}

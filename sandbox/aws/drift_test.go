package aws

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConflictsOnDelete(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	group := e.create(groupToken, "brokers", object{"vpcId": theVPC})
	cluster := e.create(clusterToken, "c", clusterInputs(group.id))
	client := e.create(groupToken, "client", object{"vpcId": theVPC})
	rule := e.create(egressToken, "r",
		object{"securityGroupId": group.id, "ipProtocol": "-1", "referencedSecurityGroupId": client.id})
	role := e.create(roleToken, "r", object{"assumeRolePolicy": trust})
	policy := e.create(policyToken, "p", object{"policy": readOnly})
	attached := e.create(attachmentToken, "a", object{"role": role.id, "policyArn": policy.id})
	profile := e.create(profileToken, "p", object{"role": role.id})

	require.ErrorContains(t, e.remove(group), "DependencyViolation: resource "+group.id+" has a dependent object",
		"a cluster's")
	require.ErrorContains(t, e.remove(client), "DependencyViolation", "another group's rule names it")
	require.ErrorContains(t, e.remove(role), "DeleteConflict: Cannot delete entity, must detach all policies first.")
	require.ErrorContains(t, e.remove(policy), "DeleteConflict")
	for _, r := range []res{cluster, rule, group, client, attached, policy, role} {
		require.NoError(t, e.remove(r), r.typ)
	}
	read, _ := e.refresh(profile)
	assert.Empty(t, read.str("role"), "the provider takes a role out of its profiles")
	require.NoError(t, e.remove(profile))
	require.Empty(t, e.sandbox.Changed())

	forced := e.create(roleToken, "f", object{"assumeRolePolicy": trust, "forceDetachPolicies": true})
	e.create(attachmentToken, "a", object{"role": forced.id, "policyArn": boundary})
	require.NoError(t, e.remove(forced))
	require.Empty(t, e.sandbox.Changed())
}

// TestDrift: what is changed in AWS by hand is seen by a refresh, is a difference if it is the program's business, and
// an update takes it back.
func TestDrift(t *testing.T) {
	t.Parallel()
	opened := &Rule{ID: "sgr-hand", Protocol: "tcp", From: 22, To: 22, CIDR: "0.0.0.0/0"}
	for name, c := range map[string]struct {
		typ     string
		change  func(object) object
		edit    func(*State, string)
		changed []resource.PropertyKey
	}{
		"a rule opened": {
			groupToken, nil,
			func(s *State, id string) { s.SecurityGroups[id].Rules = append(s.SecurityGroups[id].Rules, opened) },
			keys("ingress"),
		},
		"a rule closed": {
			groupToken, nil, func(s *State, id string) { s.SecurityGroups[id].Rules = nil }, keys("ingress"),
		},
		"a rule opened where rules are left alone": {
			groupToken,
			func(o object) object { return with(o, "ingress", nil) },
			func(s *State, id string) { s.SecurityGroups[id].Rules = append(s.SecurityGroups[id].Rules, opened) }, nil,
		},
		"an inline policy": {
			roleToken, nil, func(s *State, id string) { s.Roles[id].InlinePolicies["hand"] = readOnly }, keys("inlinePolicies"),
		},
		"an inline policy where they are left alone": {
			roleToken,
			func(o object) object { return with(o, "inlinePolicies", nil) },
			func(s *State, id string) { s.Roles[id].InlinePolicies["hand"] = readOnly }, nil,
		},
		"a boundary": {
			roleToken, nil, func(s *State, id string) { s.Roles[id].Boundary = "" }, keys("permissionsBoundary"),
		},
		"a managed policy": {
			exclusiveToken, nil, func(s *State, id string) { s.Roles[id].Attached = append(s.Roles[id].Attached, boundary) },
			keys("policyArns"),
		},
		"a document": {
			policyToken, nil, func(s *State, _ string) { s.Policies["p"].Document = "{}" }, keys("policy"),
		},
		"retention": {
			logGroupToken, nil, func(s *State, _ string) {
				for _, g := range s.LogGroups {
					g.RetentionDays = 1
				}
			}, keys("retentionInDays"),
		},
		"a tag": {
			clusterToken, nil, func(s *State, id string) { s.Clusters[id].Tags["hand"] = "x" }, keys("tags", "tagsAll"),
		},
		"a role taken from its profile": {
			profileToken, nil, func(s *State, id string) { s.InstanceProfiles[id].Role = "" }, keys("role"),
		},
		"a threshold": {
			alarmToken, nil, func(s *State, _ string) {
				for _, a := range s.Alarms {
					a.Settings["threshold"] = 99.0
				}
			}, keys("threshold"),
		},
		"a rule disabled": {
			eventRuleToken, nil, func(s *State, _ string) {
				s.EventRules["arn:aws:events:ap-south-1:123456789012:rule/e"].State = "DISABLED"
			}, keys("state"),
		},
		"a target's address": {
			targetToken, nil, func(s *State, _ string) {
				for _, rule := range s.EventRules {
					for _, settings := range rule.Targets {
						settings["arn"] = "arn:aws:sns:ap-south-1:123456789012:other"
					}
				}
			}, keys("arn"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t, New(), nil)
			in := samples(e)[c.typ]
			if c.change != nil {
				in = c.change(in)
			}
			r := e.create(c.typ, "x", in)
			before := e.sandbox.Snapshot()
			e.sandbox.Edit(func(s *State) { c.edit(s, r.id) })
			require.NotEqual(t, before, e.sandbox.Snapshot())
			read, ok := e.refresh(r)
			require.True(t, ok)
			assert.NotEqual(t, r.out, read.out, "the refresh shows it")
			assert.Equal(t, c.changed, e.diff(read, in).ChangedKeys)
			if c.changed == nil {
				return
			}
			fixed, err := e.tryUpdate(read, in)
			require.NoError(t, err)
			assert.Empty(t, e.diff(fixed, in).ChangedKeys)
			if name != "a rule closed" { // opened anew it has another id
				require.Equal(t, before, e.sandbox.Snapshot())
			}
		})
	}
}

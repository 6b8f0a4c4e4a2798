# The import file that `pulumi preview --import-file` wrote, with the ids of what a Terraform stack made: {file, notes}.
# scripts/import-file sets $stack, its $config, and in lists of one the $terraform state and the $imports.

def refuse($why): "stack \($stack): \($why)\n" | halt_error(1);
def setting($key): $config["msk-serverless:" + $key] // {} | .objectValue // .value;
def array: if type == "array" then . else [. // empty] end;

# Every managed object of the state, in modules too.
def objects: [$terraform[0].values.root_module | recurse(.child_modules[]?) | .resources[]? | select(.mode == "managed")
  | .values + {type, address}];
def of($type): map(select(.type == "aws_" + $type));
def output($name): ($terraform[0].values.outputs // {})[$name].value;

# An entry of the import file as type and name, such as "ec2/securityGroup brokers".
def key: "\((.type / ":")[1]) \(.logicalName // .name)";
def open: .id == "<PLACEHOLDER>";
def written: $imports[0].resources | map(select(has("id") and (open | not)) | {(key): .id}) | add // {};

# The id for the entry: the one written in by hand, or that of Terraform's output, or the only candidate's, or null.
def pick($key; $output):
  written[$key] // $output //
  if length > 1 then refuse("\($key) may be any of \(map(.address) | join(", ")): write the right one's id into the import file, in place of <PLACEHOLDER>")
  else .[0].id end;
def pick($key): pick($key; null);
def preferring(f): (map(select(f)) | select(length > 0)) // .;

# The cluster is what can't be made anew: whatever would replace it is refused.
def cluster:
  of("msk_serverless_cluster")
  | (map(select(.cluster_name == setting("clusterName")))[0] //
      refuse("Terraform's state has no cluster named as clusterName, \(setting("clusterName")); it has: \(map(.cluster_name) | join(", "))"))
  | if (.arn / ":")[3] != $config["aws:region"].value then refuse("the cluster is in \((.arn / ":")[3]): set aws:region to that")
    elif (.vpc_config | map(.security_group_ids[]) | length) != 1 or (.vpc_config | length) != 1
    then refuse("the cluster has more than one VPC or security group, and here it would have one of each: change msk.go to give it all that it has")
    elif (.vpc_config[0].subnet_ids | sort) != (setting("subnetIds") | sort) then refuse("the cluster's subnets are others: set subnetIds to \(.vpc_config[0].subnet_ids | sort | tojson)")
    else . end;

# The security group that the brokers admit and that isn't the other one.
def client($key; $output; $brokers; $other):
  map(select(.type == "aws_vpc_security_group_ingress_rule" and .security_group_id == $brokers).referenced_security_group_id) as $admitted
  | of("security_group") | map(select(.id != $other and IN(.id; $admitted[]))) | pick($key; $output);

# A rule out of a group. One that Terraform holds inside the group has an id, too, which its state doesn't tell.
def rule_out($name; $group; rule; inline):
  "vpc/securityGroupEgressRule \($name)" as $key
  | (of("security_group") | any(.[]; .id == $group and any(.egress[]?; inline))) as $inside
  | of("vpc_security_group_egress_rule") | map(select(.security_group_id == $group and rule)) | pick($key)
  | if . == null and $inside
    then refuse("Terraform holds \($key) inside its group: find its id with `aws ec2 describe-security-group-rules --filters Name=group-id,Values=\($group)`, and write it into the import file, in place of <PLACEHOLDER>")
    else {($key): .} end;
def to_brokers($from; $group; $brokers):
  rule_out("\($from)-to-brokers"; $group; .referenced_security_group_id == $brokers; any(.security_groups[]?; . == $brokers));
def to_blocks($group): . as $all | setting("collectorEgressCidrs") // ["0.0.0.0/0"] | map(. as $cidr | $all
  | rule_out("collector-to-\($cidr)"; $group; (.cidr_ipv4 // .cidr_ipv6) == $cidr and .ip_protocol == "-1";
      .protocol == "-1" and any(.cidr_blocks[]?, .ipv6_cidr_blocks[]?; . == $cidr))) | add;

# The policy that allows the action, and no action with another prefix.
def policy($name; $output; $attached; $prefix; $action):
  of("iam_policy") | map(select([.policy | fromjson | .Statement | array[] | .Action | array[]] | index($action) != null and all(.[]; startswith($prefix))))
  | preferring(IN(.arn; $attached[])) | {("iam/policy \($name)"): pick("iam/policy \($name)"; $output)};
def policies($attached):
  policy("producer"; null; $attached; "kafka-cluster:"; "kafka-cluster:WriteData")
  + policy("control-plane"; null; $attached; "kafka:"; "kafka:GetBootstrapBrokers")
  + policy("consumer"; output("consumer_policy_arn"); []; "kafka-cluster:"; "kafka-cluster:ReadData")
  + policy("collector-logs"; null; $attached; "logs:"; "logs:PutLogEvents");

# Ids by key.
def ids:
  cluster as $cluster | $cluster.vpc_config[0].security_group_ids[0] as $brokers
  | (written["ec2/securityGroup consumer"] // output("consumer_sg_id")) as $known
  | client("ec2/securityGroup collector"; output("collector_sg_id"); $brokers; $known) as $collector
  | client("ec2/securityGroup consumer"; $known; $brokers; $collector) as $consumer
  | (of("iam_instance_profile") | pick("iam/instanceProfile collector"; output("collector_instance_profile_name"))) as $profile
  | ((of("iam_instance_profile")[] | select(.id == $profile).role | select(. != "")) // (of("iam_role") | pick("iam/role collector"))) as $role
  | (of("iam_role_policy_attachment") | map(select(.role == $role).policy_arn)) as $attached
  | policies($attached) as $policies
  | def attachment($name; $policy): $policies["iam/policy \($policy)"] as $arn
      | {("iam/rolePolicyAttachment \($name)"): (if IN($arn; $attached[]) then "\($role)/\($arn)" else null end)};
  {
    "msk/serverlessCluster cluster": $cluster.id,
    "ec2/securityGroup brokers": $brokers, "ec2/securityGroup collector": $collector, "ec2/securityGroup consumer": $consumer,
    "cloudwatch/logGroup broker-logs": (of("cloudwatch_log_group") | preferring(.name == "/aws/msk/\($cluster.cluster_name)/broker") | pick("cloudwatch/logGroup broker-logs")),
    "iam/role collector": $role, "iam/instanceProfile collector": $profile, "iam/rolePolicyAttachmentsExclusive collector": $role,
  }
  + to_brokers("collector"; $collector; $brokers) + to_brokers("consumer"; $consumer; $brokers) + to_blocks($collector)
  + $policies
  + attachment("collector-producer"; "producer") + attachment("collector-control-plane"; "control-plane") + attachment("collector-logs"; "collector-logs");

# What becomes of an object that isn't imported, and who has to know.
def fate($ids):
  [$ids["ec2/securityGroup collector"], $ids["ec2/securityGroup consumer"], (setting("clientSecurityGroupIds") // [])[]] as $clients
  | if .type == "aws_vpc_security_group_ingress_rule" and .security_group_id == $ids["ec2/securityGroup brokers"] then
      if IN(.referenced_security_group_id; $clients[]) then "becomes one of the rules that the brokers' group holds itself"
      else "GOES with the next `pulumi up`, and who came in by it stays out: \(if .referenced_security_group_id then "add \(.referenced_security_group_id) to clientSecurityGroupIds to let it in" else "the brokers admit security groups alone" end)" end
    elif .security_group_id == $ids["ec2/securityGroup brokers"] and .type == "aws_vpc_security_group_egress_rule" then "becomes one of the rules that the brokers' group holds itself"
    elif .type == "aws_iam_role_policy_attachment" and .role == $ids["iam/role collector"] then "is DETACHED by the next `pulumi up`: the role has this program's policies alone"
    else "stays in AWS, and has no owner once Terraform is gone" end;

if setting("adopted") != "true" then refuse("adopted isn't true, and without it other names would replace what you adopt: `pulumi config set adopted true`") else . end
| objects as $objects
| ($objects | ids) as $found
| ($imports[0].resources | map(if has("id") and open then .id = $found[key] else . end)) as $resources
| [$resources[].id] as $used
| {
    file: ($imports[0] | .resources = [$resources[] | select(has("id") | not), select(.id != null)]),
    notes: (
      [$resources[] | select(has("id") and .id == null) | "\(key): not in Terraform's state; the next `pulumi up` creates it"]
      + [$objects[] | select(IN(.id; $used[]) or IN("\(.role)/\(.policy_arn)"; $used[]) | not) | "\(.address) (\(.id)): not imported; it \(fate($found))"]),
  }

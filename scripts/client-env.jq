# What a client of a deployed stack needs, in $format. scripts/client-env sets $stack, $role, $team, $format, the stack's
# $outputs.

def refuse($why): "stack \($stack): \($why)\n" | halt_error(1);

def grants:
  if $role == "collector" then {topicPrefixes: $outputs.producerTopicPrefixes}
  elif $team == "" then {topicPrefixes: $outputs.consumerTopicPrefixes, groups: $outputs.consumerGroupNames}
    | if .groups == [] then refuse("consumers share no groups; choose a --team: \($outputs.consumerTeamPolicyArns // {} | keys | join(", "))") else . end
  else $outputs.consumerTeams[$team] as $lists
    | if $lists == null
      then refuse("no team \($team) is deployed; there are: \($outputs.consumerTeamPolicyArns // {} | keys | join(", ") | if . == "" then "none" else . end)")
      else {topicPrefixes: $lists.topicPrefixes, groups: $lists.groupNames} end
  end;

def launch:
  if $role == "collector" then {securityGroupId: $outputs.collectorSecurityGroupId, instanceProfileName: $outputs.collectorInstanceProfileName, logGroupName: $outputs.brokerLogGroupName}
  else {securityGroupId: $outputs.consumerSecurityGroupId, policyArn: (if $team == "" then $outputs.consumerPolicyArn else $outputs.consumerTeamPolicyArns[$team] end)} end;

def client:
  if ($outputs.bootstrapBrokersSaslIam // "") == "" then refuse("it isn't deployed, or its output bootstrapBrokersSaslIam is empty") else . end
  | {stack: $stack, role: $role, region: $outputs.region, bootstrapServers: ($outputs.bootstrapBrokersSaslIam / ","),
     securityProtocol: "SASL_SSL", saslMechanism: "AWS_MSK_IAM"}
    + if $team == "" then {} else {team: $team} end
    + if $role == "collector" then {acks: "all", enableIdempotence: true, compressionType: "zstd", lingerMs: 10} else {} end
    + grants + {launch: launch};

# Neither a prefix nor a group can hold a comma.
def variables:
  {AWS_REGION: .region, KAFKA_BOOTSTRAP_SERVERS: (.bootstrapServers | join(",")), KAFKA_SECURITY_PROTOCOL: .securityProtocol,
   KAFKA_SASL_MECHANISM: .saslMechanism, KAFKA_TOPIC_PREFIXES: (.topicPrefixes | join(","))}
  + if .role == "collector"
    then {KAFKA_ACKS: .acks, KAFKA_ENABLE_IDEMPOTENCE: "\(.enableIdempotence)", KAFKA_COMPRESSION_TYPE: .compressionType, KAFKA_LINGER_MS: "\(.lingerMs)"}
    else {KAFKA_GROUP_IDS: (.groups | join(","))} end;

# Shells and systemd agree on double quotes and on what a backslash escapes in them. A plain value stays bare, for docker,
# which takes quotes for part of it.
def env: variables | to_entries[] | "\(.key)=" + (.value | if test("^[A-Za-z0-9_.,:/@%+=-]*$") then . else "\"" + gsub("(?<c>[\\\\\"$`])"; "\\\(.c)") + "\"" end);

# java.util.Properties reads a backslash as an escape.
def value: gsub("\\\\"; "\\\\");
def properties:
  "bootstrap.servers=" + (.bootstrapServers | join(",")),
  "security.protocol=" + .securityProtocol,
  "sasl.mechanism=" + .saslMechanism,
  "sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required;",
  "sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler",
  if .role == "collector" then
    "acks=" + .acks, "enable.idempotence=\(.enableIdempotence)", "compression.type=" + .compressionType, "linger.ms=\(.lingerMs)",
    "# Topics may begin with: " + (.topicPrefixes | join(" "))
  else
    "# Topics may begin with: " + (.topicPrefixes | join(" ")),
    if .groups | length == 1 then "group.id=" + (.groups[0] | value)
    else "# Choose one group:", (.groups[] | "#group.id=" + value) end
  end;

# JSON's strings are YAML's, too.
def user_data:
  def file($path; f): "  - path: \($path)", "    permissions: \"0644\"", "    content: " + ([f | . + "\n"] | add | tojson);
  "#cloud-config", "write_files:", file("/etc/msk/client.env"; env), file("/etc/msk/client.properties"; properties);

client | if $format == "env" then env elif $format == "properties" then properties elif $format == "json" then . else user_data end

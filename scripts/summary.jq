# The report of `pulumi preview --json`, as Markdown. scripts/preview sets $stack, $title, $commit, $code and $errors.

# What changes to nothing is no step, and what a refresh reads is not one of the program's.
def steps: [.steps[]? | select(.op | IN("same", "read", "refresh") | not)];
def resource: .urn / "::" | {type: (.[2] | sub("^aws:"; "") | sub(":[^:]*$"; "")), name: (.[3:] | join("::"))};
def cluster: resource.type == "msk/serverlessCluster";
def replaced: .op | test("replace");
def lost: cluster and (replaced or .op == "delete");
def unprotected: .oldState.protect == true and .newState.protect != true and .op != "delete" and (replaced | not);

# Text goes into code spans of a table.
def code: "`" + (gsub("[`|\\n\\r]"; "¦")) + "`";
# What a preview doesn't know yet is this id (the engine's plugin.UnknownStringValue).
def value: if . == "04da6b54-80e4-46f7-96ec-b56ff0331ba9" then "known later" else tostring end;
def plain: type | IN("string", "number", "boolean");
def properties: [(.diffReasons // [])[], (.replaceReasons // [])[]] | unique;
def change($key): [.oldState.inputs[$key], .newState.inputs[$key]]
  | ($key | code) + if all(plain) and (map(value | length) | max) <= 80 then " " + (map(if value == "known later" then value else value | code end) | join(" → ")) else "" end;
def changes: if .op == "delete" or .op == "create" then "" else . as $step | properties | map(. as $key | $step | change($key))
  | if . == [] and ($step | replaced) then "follows another replacement" else join(", ") end end;

# A replacement is up to three steps; one line tells it.
def lines: steps | group_by(.urn) | map(if any(replaced) then (map(select(replaced)) | first) + {op: "replace"} else first end)
  | sort_by({delete: 0, replace: 1, create: 3}[.op] // 2, .urn);
def table: lines | if length == 0 then empty else
    "| | resource | type | what changes |", "| --- | --- | --- | --- |",
    (.[] | "| **\(.op)** | \(resource.name | code) | \(resource.type | code) | \(changes) |"), "" end;

def caution($what): "> [!CAUTION]", "> **\($what)**", "";
def cautions:
  steps as $steps
  | if $steps | any(lost) then caution("DATA LOSS: this would " + ($steps | map(select(lost)) | if any(replaced) then "replace" else "delete" end)
      + " the cluster. All of its topics, records and consumer offsets would be gone for good.") else empty end,
    # A stack that has a log group has had a cluster, or is in the middle of its first deployment.
    if ($steps | any(cluster and .op == "create")) and ([.steps[]? | select(.oldState != null and (resource.type | startswith("pulumi:") | not))] | length > 0)
      then caution("DATA LOSS, unless the first deployment broke off: the stack has resources but no cluster, and a new one would be empty.") else empty end,
    ([.steps[]? | select(unprotected)] | if length == 0 then empty else
      caution("PROTECTION OFF: nothing would keep Pulumi from deleting or replacing " + (map(resource.name | code) | join(", ")) + " any more.") end);

def refusals: [.diagnostics[]? | select(.severity == "error") | .message | rtrimstr("\n")];
def failure: if $code == 0 then empty else
    refusals as $r | if ($r | length) > 0 or $errors != "" then
      "**Pulumi stopped:**", "", "```text", ($r[], ($errors | rtrimstr("\n") | select(. != ""))), "```", "" else empty end end;
def counts: .changeSummary // {} | to_entries | map("\(.value) \(.key)") | join(", ") | if . == "" then empty else ., "" end;

"### \($title) of `\($stack)`" + if $commit == "" then "" else " at `\($commit[:12])`" end, "",
cautions, table, failure,
if $code == 0 and (steps | length) == 0 then "No changes.", "" else empty end,
counts

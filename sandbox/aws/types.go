package aws

// resourceTypes are the resource types, by token.
var resourceTypes = map[string]*resourceType{
	clusterToken:                          clusterType,
	clusterPolicyToken:                    clusterPolicyType,
	"aws:ec2/securityGroup:SecurityGroup": groupType,
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":               egressRuleType,
	"aws:cloudwatch/logGroup:LogGroup":                                      logGroupType,
	"aws:cloudwatch/dashboard:Dashboard":                                    dashboardType,
	"aws:cloudwatch/metricAlarm:MetricAlarm":                                alarmType,
	"aws:cloudwatch/eventRule:EventRule":                                    eventRuleType,
	"aws:cloudwatch/eventTarget:EventTarget":                                eventTargetType,
	"aws:iam/role:Role":                                                     roleType,
	"aws:iam/instanceProfile:InstanceProfile":                               profileType,
	"aws:iam/policy:Policy":                                                 policyType,
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment":                     attachmentType,
	"aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": exclusiveType,
}

// functions are the look-ups, by token.
var functions = map[string]func(*request) (object, error){
	"aws:ec2/getVpc:getVpc":                         getVPC,
	"aws:ec2/getSubnet:getSubnet":                   getSubnet,
	"aws:iam/getPolicy:getPolicy":                   getPolicy,
	"aws:index/getCallerIdentity:getCallerIdentity": getCallerIdentity,
	"aws:index/getPartition:getPartition":           getPartition,
}

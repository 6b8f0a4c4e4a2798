package aws

import (
	"fmt"
	"slices"
	"strings"
)

func getCallerIdentity(r *request) (object, error) {
	return object{
		"id": r.state.Account, "accountId": r.state.Account, "userId": "AROA00000000000DEPLOY:pulumi",
		"arn": fmt.Sprintf("arn:%s:sts::%s:assumed-role/deploy/pulumi", r.provider.partition(), r.state.Account),
	}, nil
}

func getPartition(r *request) (object, error) {
	reverse := strings.Split(r.provider.dnsSuffix(), ".")
	slices.Reverse(reverse)
	return object{
		"id": r.provider.partition(), "partition": r.provider.partition(), "dnsSuffix": r.provider.dnsSuffix(),
		"reverseDnsPrefix": strings.Join(reverse, "."),
	}, nil
}

// Command plain registers as many short policies as the environment variable POLICIES says, for comparison with the
// program.
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const document = `{"Version":"2012-10-17",` +
	`"Statement":[{"Effect":"Allow","Action":"kafka:ListClusters","Resource":"*"}]}`

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		n, err := strconv.Atoi(os.Getenv("POLICIES"))
		if err != nil {
			return err
		}
		provider, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{Region: pulumi.String("ap-south-1")})
		if err != nil {
			return err
		}
		for i := range n {
			if _, err := iam.NewPolicy(ctx, fmt.Sprint("policy-", i), &iam.PolicyArgs{
				Name:   pulumi.String(fmt.Sprint("policy-", i)),
				Policy: pulumi.String(document),
			}, pulumi.Provider(provider)); err != nil {
				return err
			}
		}
		return nil
	})
}

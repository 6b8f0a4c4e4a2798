// Command empty is the floor under every preview: a Pulumi program that registers nothing.
package main

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

func main() {
	pulumi.Run(func(*pulumi.Context) error { return nil })
}

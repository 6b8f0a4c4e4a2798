package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	awsv4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
)

// stateObject is in every bucket that Pulumi has used.
const stateObject = ".pulumi/meta.yaml"

// errSkipped is the error of a check that doesn't apply here.
var errSkipped = errors.New("skipped")

// checkBucket returns what protects the state in an S3 backend, and an error if versioning or encryption with a KMS key
// is missing. It asks for an object's headers, which needs no permission but to read it.
func (s *session) checkBucket(backend string) (string, error) {
	u, err := url.Parse(backend)
	if err != nil || u.Scheme != "s3" {
		return "the state is not in S3", errSkipped
	}
	headers, err := s.headObject(u.Host, u.Query().Get("region"), stateObject)
	if err != nil {
		return "", &remedied{
			err,
			"check PULUMI_BACKEND_URL, the template's output StateBucketUrl: s3://<bucket>?region=<region>",
		}
	}
	var missing []string
	if version := headers.Get("X-Amz-Version-Id"); version == "" || version == "null" {
		missing = append(missing, "the bucket is not versioned: a state that is overwritten can't be had back")
	}
	if headers.Get("X-Amz-Server-Side-Encryption") != "aws:kms" {
		missing = append(missing, "the state is not encrypted with a KMS key")
	}
	if len(missing) > 0 {
		return "", &remedied{errors.New(strings.Join(missing, "\n")), "use the bucket that bootstrap/stack.yaml makes"}
	}
	return "versioned, encrypted with " + headers.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"), nil
}

// headObject returns the headers of an object in S3.
func (s *session) headObject(bucket, region, key string) (http.Header, error) {
	cfg, err := awsconfig.LoadDefaultConfig(s.ctx, awsconfig.WithRegion(region))
	if err != nil {
		return nil, err
	}
	credentials, err := cfg.Credentials.Retrieve(s.ctx)
	if err != nil {
		return nil, err
	}
	suffix := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		suffix += ".cn"
	}
	address := fmt.Sprintf("https://%s.s3.%s.%s/%s", bucket, region, suffix, key)
	request, err := http.NewRequestWithContext(s.ctx, http.MethodHead, address, nil)
	if err != nil {
		return nil, err
	}
	empty := fmt.Sprintf("%x", sha256.Sum256(nil))
	request.Header.Set("X-Amz-Content-Sha256", empty)
	if err := awsv4.NewSigner().SignHTTP(s.ctx, credentials, request, empty, "s3", region, time.Now()); err != nil {
		return nil, err
	}
	resp, err := s.httpClient().Do(request)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading %s of the bucket %s: %s", key, bucket, resp.Status)
	}
	return resp.Header, nil
}

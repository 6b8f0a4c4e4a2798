package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"msk-serverless/internal/project"
)

// lock is what a command that changes a stack keeps beside the state while it runs, and leaves behind if it is killed.
// Pulumi's own backends on buckets and folders write it, as .pulumi/locks/organization/<project>/<stack>/<id>.json
// (pulumi/pulumi, pkg/backend/diy/lock.go).
type lock struct {
	PID       int       `json:"pid"`
	User      string    `json:"username"`
	Host      string    `json:"hostname"`
	Timestamp time.Time `json:"timestamp"`
}

func (l lock) String() string {
	since := l.Timestamp.UTC().Format("2006-01-02 15:04 UTC")
	return fmt.Sprintf("process %d of %s@%s, since %s", l.PID, l.User, l.Host, since)
}

// longestDeployment is the age from which a lock counts as left behind by a killed command. The provider waits up to
// two hours for a cluster.
const longestDeployment = 3 * time.Hour

// stale reports whether the lock is too old to belong to a running command.
func (l lock) stale() bool { return time.Since(l.Timestamp) > longestDeployment }

// errNoLocks says that a backend keeps locks where mskctl can't read them.
var errNoLocks = errors.New("mskctl can read locks in S3 and in folders only")

// locks returns the stack's locks, or errNoLocks if the state is neither in S3 nor in a folder.
func (s *session) locks(stack string) ([]lock, error) {
	backend, err := s.backendURL()
	if err != nil {
		return nil, err
	}
	scheme, _, _ := strings.Cut(backend, "://")
	if scheme != "file" && scheme != "s3" {
		return nil, fmt.Errorf("the state is in %s://…: %w", scheme, errNoLocks)
	}
	dir := path.Join(".pulumi", "locks", "organization", project.Name, stack)
	read := s.readFolder
	if scheme == "s3" {
		read = s.readBucket
	}
	docs, err := read(backend, dir)
	if err != nil {
		return nil, fmt.Errorf("looking for locks of stack %s: %w", stack, err)
	}
	var locks []lock
	for _, doc := range docs {
		var l lock
		if err := json.Unmarshal(doc, &l); err != nil {
			return nil, fmt.Errorf("reading a lock of stack %s: %w", stack, err)
		}
		locks = append(locks, l)
	}
	slices.SortFunc(locks, func(a, b lock) int { return b.Timestamp.Compare(a.Timestamp) })
	return locks, nil
}

// backendURL returns where the state is.
func (s *session) backendURL() (string, error) {
	if backend := s.getenv("PULUMI_BACKEND_URL"); backend != "" {
		return backend, nil
	}
	return s.whoami()
}

// readFolder returns the files in a folder of a file:// backend.
func (s *session) readFolder(backend, dir string) ([][]byte, error) {
	root, _, _ := strings.Cut(strings.TrimPrefix(backend, "file://"), "?")
	if rest, ok := strings.CutPrefix(root, "~"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		root = home + rest
	}
	if !filepath.IsAbs(root) {
		root = s.path(root)
	}
	files, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(dir)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var docs [][]byte
	for _, f := range files {
		if filepath.Ext(f.Name()) != ".json" {
			continue // the attributes of a file that is written
		}
		doc, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(dir), f.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the command has just ended
		}
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

// readBucket returns the objects under a prefix of an s3:// backend.
func (s *session) readBucket(backend, dir string) ([][]byte, error) {
	u, err := url.Parse(backend)
	if err != nil {
		return nil, err
	}
	client, err := s.bucketClient(u.Query())
	if err != nil {
		return nil, err
	}
	prefix := path.Join(strings.Trim(u.Path, "/"), dir) + "/"
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &u.Host, Prefix: &prefix})
	var docs [][]byte
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		if err != nil {
			return nil, err
		}
		for _, object := range page.Contents {
			got, err := client.GetObject(s.ctx, &s3.GetObjectInput{Bucket: &u.Host, Key: object.Key})
			var ended *types.NoSuchKey
			if errors.As(err, &ended) {
				continue
			}
			if err != nil {
				return nil, err
			}
			doc, err := io.ReadAll(got.Body)
			got.Body.Close()
			if err != nil {
				return nil, err
			}
			docs = append(docs, doc)
		}
	}
	return docs, nil
}

// bucketClient returns a client of S3 for the parameters of a backend's URL.
func (s *session) bucketClient(query url.Values) (*s3.Client, error) {
	sdk, err := awsconfig.LoadDefaultConfig(s.ctx, func(o *awsconfig.LoadOptions) error {
		o.Region, o.SharedConfigProfile = query.Get("region"), query.Get("profile")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s3.NewFromConfig(sdk, func(o *s3.Options) {
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // or it warns of objects without one
		for _, name := range []string{"s3ForcePathStyle", "use_path_style"} {
			if on, err := strconv.ParseBool(query.Get(name)); err == nil {
				o.UsePathStyle = on
			}
		}
		if endpoint := query.Get("endpoint"); endpoint != "" {
			if !strings.Contains(endpoint, "://") {
				endpoint = "https://" + endpoint
			}
			o.BaseEndpoint = aws.String(endpoint)
		}
	}), nil
}

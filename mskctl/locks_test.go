package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	lockDir  = ".pulumi/locks/organization/msk-serverless/prod/"
	lockText = `{"pid":7,"username":"runner","hostname":"ci","timestamp":"2026-11-25T10:00:00+01:00"}`
)

func lockSession(t *testing.T, backend string) *session {
	return &session{ctx: t.Context(), dir: t.TempDir(), getenv: func(key string) string {
		return map[string]string{"PULUMI_BACKEND_URL": backend}[key]
	}}
}

func TestLocksInAFolder(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	s := lockSession(t, "file://"+state+"?no_tmp_dir=true")
	locks, err := s.locks("prod")
	require.NoError(t, err)
	assert.Empty(t, locks)

	write(t, lockText, state, lockDir, "1.json")
	write(t, strings.Replace(lockText, "10:00", "11:00", 1), state, lockDir, "2.json")
	write(t, "not a lock", state, lockDir, "1.json.attrs")
	write(t, lockText, state, ".pulumi/locks/organization/msk-serverless/prod2", "1.json")
	locks, err = s.locks("prod")
	require.NoError(t, err)
	require.Len(t, locks, 2)
	assert.Equal(t, "process 7 of runner@ci, since 2026-11-25 10:00 UTC", locks[0].String(), "the newest first")
	assert.Equal(t, "process 7 of runner@ci, since 2026-11-25 09:00 UTC", locks[1].String())

	write(t, "{", state, lockDir, "3.json")
	_, err = s.locks("prod")
	assert.ErrorContains(t, err, "reading a lock of stack prod")
}

func TestLocksElsewhere(t *testing.T) {
	t.Parallel()
	_, err := lockSession(t, "gs://bucket").locks("prod")
	assert.ErrorIs(t, err, errNoLocks)
	assert.ErrorContains(t, err, "gs://")
}

// S3 lists the lock of another stack if the prefix isn't a whole folder, and one that is gone when it is read.
func TestLocksInS3(t *testing.T) {
	const list = `<ListBucketResult><Name>states</Name><IsTruncated>%t</IsTruncated>%s<Contents><Key>%s</Key></Contents>
		</ListBucketResult>`
	var asked []url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/states" && r.URL.Query().Get("list-type") == "2":
			asked = append(asked, r.URL.Query())
			if len(asked) == 1 {
				fmt.Fprintf(w, list, true, "<NextContinuationToken>more</NextContinuationToken>", "team/"+lockDir+"1.json")
				return
			}
			fmt.Fprintf(w, list, false, "", "team/"+lockDir+"2.json")
		case r.URL.Path == "/states/team/"+lockDir+"1.json":
			fmt.Fprint(w, lockText)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "<Error><Code>NoSuchKey</Code></Error>")
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	backend := "s3://states/team?region=ap-south-1&s3ForcePathStyle=true&endpoint=" + url.QueryEscape(server.URL)
	locks, err := lockSession(t, backend).locks("prod")
	require.NoError(t, err)
	require.Len(t, locks, 1)
	assert.Equal(t, "runner", locks[0].User)
	require.Len(t, asked, 2)
	assert.Equal(t, "team/"+lockDir, asked[0].Get("prefix"))
	assert.Equal(t, "more", asked[1].Get("continuation-token"))
}

func TestStaleLocks(t *testing.T) {
	t.Parallel()
	assert.False(t, lock{Timestamp: time.Now().Add(-2 * time.Hour)}.stale(), "the provider waits that long for a cluster")
	assert.True(t, lock{Timestamp: time.Now().Add(-4 * time.Hour)}.stale())
}

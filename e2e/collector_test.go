package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// buildExample builds the collector of examples/collector, and the exchange that it can be tried on, into bin/.
var buildExample = sync.OnceValue(func() error {
	for name, pkg := range map[string]string{"collector": ".", "localexchange": "./localexchange/serve"} {
		out, err := exec.Command(
			"go", "-C", "examples/collector", "build", "-buildvcs=false", "-o", "../../bin/"+name, pkg).CombinedOutput()
		if err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return nil
})

// exchange starts a local exchange and returns its URL.
func exchange(t *testing.T) string {
	t.Helper()
	require.NoError(t, buildExample())
	cmd := exec.CommandContext(t.Context(), "bin/localexchange", "-listen", "127.0.0.1:0", "-interval", "10ms")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	url, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(url)
}

// shipped runs the collector of examples/collector as the role, with more environment variables, until done reports
// that it has done enough or it is out of time, and then tells it to stop, which it must do without an error.
func (j *judged) shipped(t *testing.T, more, args []string, done func(output string) bool) {
	t.Helper()
	require.NoError(t, buildExample())
	cmd := exec.CommandContext(t.Context(), "bin/collector", args...)
	var out lockedBuffer
	cmd.Env, cmd.Stdout, cmd.Stderr = append(j.env(), more...), &out, &out
	require.NoError(t, cmd.Start())
	assert.Eventually(t, func() bool { return done(out.String()) }, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "collector %s: %s", args, &out)
}

// collectShipped runs the collector of examples/collector for each of the topic prefixes. It returns what the collector
// asked of CloudWatch Logs. The Kafka judges what it asks of Kafka.
func (j *judged) collectShipped(t *testing.T, logGroupARN string, prefixes []string) []need {
	t.Helper()
	_, group, _ := strings.Cut(logGroupARN, ":log-group:")
	logs := &cloudWatchLogs{group: group, arn: logGroupARN}
	server := httptest.NewServer(logs)
	defer server.Close()
	url := exchange(t)
	for _, prefix := range prefixes {
		j.mu.Lock()
		j.retry, j.batches, j.acks = true, nil, nil
		j.mu.Unlock()
		j.shipped(t, []string{
			"KAFKA_TOPIC_PREFIXES=" + prefix, "MSK_CLUSTER_NAME=crypto-stream", "MSK_LOG_GROUP=" + logs.group,
			"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=" + server.URL,
		}, []string{"produce", "-url", url, "-symbols", "BTCUSDT,ETHUSDT", "-listen", ""}, func(string) bool {
			j.mu.Lock()
			defer j.mu.Unlock()
			return len(j.batches) > 20
		})
		j.checkBatches(t)
	}
	assert.Len(t, logs.needs(), 2, "heartbeats")
	return logs.needs()
}

// cloudWatchLogs answers as CloudWatch Logs does, and keeps what it is asked.
type cloudWatchLogs struct {
	group, arn string

	mu      sync.Mutex
	streams map[string]bool
	asked   []need
}

func (l *cloudWatchLogs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var body struct{ LogGroupName, LogStreamName string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	stream := l.arn + ":log-stream:" + body.LogStreamName
	if body.LogGroupName != l.group {
		stream = "log group " + body.LogGroupName
	}
	l.asked = append(l.asked, need{"logs:" + operation, stream, operation + " of the collector"})
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	switch {
	case operation == "CreateLogStream":
		if l.streams == nil {
			l.streams = map[string]bool{}
		}
		l.streams[stream] = true
	case !l.streams[stream]:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ResourceNotFoundException"}`)
		return
	}
	fmt.Fprint(w, "{}")
}

// needs returns what was asked, once for each action.
func (l *cloudWatchLogs) needs() []need {
	l.mu.Lock()
	defer l.mu.Unlock()
	var needs []need
	seen := map[string]bool{}
	for _, n := range l.asked {
		if !seen[n.action] {
			seen[n.action], needs = true, append(needs, n)
		}
	}
	return needs
}

// lockedBuffer is a buffer that a process writes to while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

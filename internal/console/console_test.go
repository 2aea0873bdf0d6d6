package console

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/guard"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestConsole(t *testing.T) {
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "probe_total", Help: "A counter."})
	reg.MustRegister(c)
	c.Inc()
	l, err := Listen("127.0.0.1:0", nil, reg, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Start()
	defer l.Close()
	base := "http://" + l.Addr()
	if code, body := get(t, base+"/metrics"); code != 200 ||
		!strings.Contains(body, "probe_total 1") {
		t.Errorf("/metrics: %d %s", code, body)
	}
	if code, _ := get(t, base+"/healthz"); code != 200 {
		t.Errorf("/healthz: %d", code)
	}
	if code, why := get(t, base+"/readyz"); code != 503 ||
		!strings.Contains(why, "nothing has been resolved yet") {
		t.Errorf("/readyz before it is ready: %d %s", code, why)
	}
	l.SetReady("")
	if code, _ := get(t, base+"/readyz"); code != 200 {
		t.Errorf("/readyz: %d", code)
	}
	l.Warn("clock", "it is wrong")
	if code, text := get(t, base+"/readyz"); code != 200 ||
		text != "ready\nwarning: clock: it is wrong\n" {
		t.Errorf("/readyz with a warning: %d %q", code, text)
	}
	l.Warn("clock", "")
	if _, text := get(t, base+"/readyz"); text != "ready\n" {
		t.Errorf("/readyz after a warning: %q", text)
	}
	if code, _ := get(t, base+"/nothing"); code != 404 {
		t.Errorf("an unknown path: %d", code)
	}
}

func TestControl(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl")
	c, err := ListenControl(path, nil, Controls{
		"status": func(Request) (Result, error) {
			return Result{Fields: map[string]any{"well": true}, Columns: []string{"zone", "ttl"},
				Rows: [][]any{{"example.", 300}}}, nil
		},
		"flush": func(r Request) (Result, error) {
			return Result{}, fmt.Errorf("%s is for %s alone", r.Args["name"], r.Caller)
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Start()
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode: %v %v", st.Mode(), err)
	}
	if _, err := ListenControl(path, nil, Controls{}, nil); err == nil ||
		!strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server on the socket: %v", err)
	}
	want := Result{Fields: map[string]any{"well": true}, Columns: []string{"zone", "ttl"},
		Rows: [][]any{{"example.", 300.0}}}
	if r, err := Call(path, Request{Command: "status"}); err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("status: %v %v", r, err)
	}
	// Who calls is what the kernel says, whatever the request says.
	forged := Request{Command: "flush", Args: map[string]string{"name": "a.example"},
		Caller: "root"}
	who := "the owner of the socket"
	if runtime.GOOS == "linux" {
		who = fmt.Sprintf("uid %d, pid %d", os.Getuid(), os.Getpid())
	}
	if _, err := Call(path, forged); err == nil ||
		!strings.HasPrefix(err.Error(), "a.example is for "+who) {
		t.Errorf("a command that fails: %v", err)
	}
	if _, err := Call(path, Request{Command: "dance"}); err == nil ||
		err.Error() != `unknown command "dance"` {
		t.Errorf("an unknown command: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Call(path, Request{Command: "status"}); err == nil ||
		!strings.Contains(err.Error(), "is the server running") {
		t.Errorf("with no server: %v", err)
	}
	// What a killed server leaves behind is replaced.
	if err := os.WriteFile(path+"2", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenControl(path+"2", nil, Controls{}, nil); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}

// A panic in a handler, in what is measured or in a command ends that request with an error.
// Net/http closes the connection instead, and the metrics are gathered in goroutines whose panic
// is not recovered.
func TestPanicEndsTheRequestOnly(t *testing.T) {
	caught := map[guard.Place]int{}
	g := guard.New(slog.New(slog.NewTextHandler(io.Discard, nil)), func(p guard.Place) {
		caught[p]++
	}, func() {})
	l, err := Listen("127.0.0.1:0", nil, prometheus.NewRegistry(), g)
	if err != nil {
		t.Fatal(err)
	}
	l.http.Handler = guarded(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic("a fault")
	}), g)
	l.Start()
	defer l.Close()
	if code, body := get(t, "http://"+l.Addr()+"/metrics"); code != 500 ||
		!strings.Contains(body, "fault of its own") {
		t.Errorf("got %d %s", code, body)
	}
	path := filepath.Join(t.TempDir(), "ctl")
	c, err := ListenControl(path, nil, Controls{
		"status": func(Request) (Result, error) { panic("a fault") }}, g)
	if err != nil {
		t.Fatal(err)
	}
	c.Start()
	defer c.Close()
	if _, err := Call(path, Request{Command: "status"}); err == nil ||
		!strings.Contains(err.Error(), "fault of its own") {
		t.Errorf("got %v", err)
	}
	if caught[guard.Console] != 1 || caught[guard.Control] != 1 {
		t.Errorf("caught %v", caught)
	}
}

// The error of a socket without an answer contains the remedy.
func TestUnreachableSocketsSayWhy(t *testing.T) {
	for err, want := range map[error]string{
		syscall.EACCES: "permission denied: it is for the user that the server runs as, and for " +
			"root",
		syscall.ENOENT: "no control socket at /ctl (is the server running, and is this its " +
			"control.socket?)",
		syscall.ECONNREFUSED: "nobody listens at control socket /ctl (is the server running?)",
		syscall.ENOTSOCK:     "control socket /ctl: dial unix: socket operation on non-socket",
	} {
		if got := unreachable("/ctl", &net.OpError{Op: "dial", Net: "unix",
			Err: err}).Error(); !strings.HasSuffix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

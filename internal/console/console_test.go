package console

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/guard"
	"bailiwick/wire"
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
	l, err := Listen("127.0.0.1:0", reg, nil)
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
	if code, _ := get(t, base+"/nothing"); code != 404 {
		t.Errorf("an unknown path: %d", code)
	}
}

func TestControl(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl")
	var moved time.Duration
	flushed := wire.Name{}
	c, err := ListenControl(path, Controls{
		Status: func() map[string]any { return map[string]any{"well": true} },
		Flush: func(n wire.Name, subtree bool) Flushed {
			flushed = n
			if n == wire.MustParseName("exmaple") {
				return Flushed{}
			}
			return Flushed{Name: 3, Zone: wire.MustParseName("example"), OfZone: 2}
		},
		Advance: func(d time.Duration) { moved += d },
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Start()
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode: %v %v", st.Mode(), err)
	}
	if _, err := ListenControl(path, Controls{}, nil); err == nil ||
		!strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server on the socket: %v", err)
	}
	if d, err := Call(path, Request{Command: "status"}); err != nil || d["well"] != true {
		t.Errorf("status: %v %v", d, err)
	}
	if d, err := Call(path, Request{Command: "flush", Name: "a.example"}); err != nil ||
		d["flushed"] != 3.0 || d["zone"] != "example." || d["zone_flushed"] != 2.0 ||
		d["note"] != nil ||
		flushed != wire.MustParseName("a.example") {
		t.Errorf("flush: %v %v", d, err)
	}
	if d, err := Call(path, Request{Command: "flush", Name: "exmaple"}); err != nil ||
		d["flushed"] != 0.0 || d["note"] != "nothing was known of exmaple.; is it the name that "+
		"you "+
		"mean?" {
		t.Errorf("flush of a name that is not known: %v %v", d, err)
	}
	if _, err := Call(path, Request{Command: "clock", Advance: time.Hour}); err != nil ||
		moved != time.Hour {
		t.Errorf("clock: %v %v", moved, err)
	}
	for _, bad := range []Request{{Command: "flush", Name: "a..b"}, {Command: "clock", Advance: -1},
		{Command: "dance"}} {
		if _, err := Call(path, bad); err == nil {
			t.Errorf("%+v is done", bad)
		}
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
	if _, err := ListenControl(path+"2", Controls{}, nil); err == nil {
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
	l, err := Listen("127.0.0.1:0", prometheus.NewRegistry(), g)
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
	c, err := ListenControl(path, Controls{Status: func() map[string]any { panic("a fault") }}, g)
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

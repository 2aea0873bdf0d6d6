package console

import (
	"bytes"
	"errors"
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

// deskOf returns a desk of these operations, and what it logs.
func deskOf(ops ...Operation) (*Desk, *bytes.Buffer) {
	var log bytes.Buffer
	return NewDesk(ops, slog.New(slog.NewTextHandler(&log, nil)),
		func(Interface, Outcome) {}), &log
}

func TestControl(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl")
	desk, _ := deskOf(Operation{Name: "status", Run: func(Request) (Result, error) {
		return Result{Fields: map[string]any{"well": true}, Columns: []string{"zone", "ttl"},
			Rows: [][]any{{"example.", 300}}}, nil
	}}, Operation{Name: "flush", Params: []Param{{Name: "name"}},
		Run: func(r Request) (Result, error) {
			return Result{}, fmt.Errorf("%s is for %s alone", r.Args["name"], r.Caller)
		}})
	c, err := ListenControl(path, Default(), nil, desk, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Start()
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode: %v %v", st.Mode(), err)
	}
	if _, err := ListenControl(path, Default(), nil, desk, nil); err == nil ||
		!strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server on the socket: %v", err)
	}
	call := func(r Request) (Result, error) { return Call(path, r, io.Discard) }
	want := Result{Fields: map[string]any{"well": true}, Columns: []string{"zone", "ttl"},
		Rows: [][]any{{"example.", 300.0}}}
	if r, err := call(Request{Command: "status"}); err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("status: %v %v", r, err)
	}
	// Who calls is what the kernel says, whatever the request says.
	forged := Request{Command: "flush", Args: map[string]string{"name": "a.example"},
		Caller: "root"}
	who := "the owner of the socket"
	if runtime.GOOS == "linux" {
		who = fmt.Sprintf("uid %d, pid %d", os.Getuid(), os.Getpid())
	}
	if _, err := call(forged); err == nil ||
		!strings.HasPrefix(err.Error(), "a.example is for "+who) {
		t.Errorf("a command that fails: %v", err)
	}
	if _, err := call(Request{Command: "dance"}); err == nil ||
		err.Error() != `unknown command "dance"` {
		t.Errorf("an unknown command: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := call(Request{Command: "status"}); err == nil ||
		!strings.Contains(err.Error(), "is the server running") {
		t.Errorf("with no server: %v", err)
	}
	// What a killed server leaves behind is replaced.
	if err := os.WriteFile(path+"2", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenControl(path+"2", Default(), nil, desk, nil); err == nil {
		t.Error("a file that is not a socket was replaced")
	}
}

// A text comes over the socket as it is written, however long it is; one that breaks off is an
// error at the other end, and no short text.
func TestControlTextIsWholeOrAnError(t *testing.T) {
	const lines = 10000
	text := func(fails error) func(Request) (Result, error) {
		return func(Request) (Result, error) {
			return Result{Text: func(w io.Writer) error {
				for i := range lines {
					if _, err := fmt.Fprintf(w, "line %d\n", i); err != nil {
						return err
					}
				}
				return fails
			}}, nil
		}
	}
	desk, _ := deskOf(Operation{Name: "dump", Run: text(nil)},
		Operation{Name: "broken", Run: text(errors.New("no more"))})
	path := filepath.Join(t.TempDir(), "ctl")
	c, err := ListenControl(path, Default(), nil, desk, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Start()
	defer c.Close()
	var got bytes.Buffer
	if _, err := Call(path, Request{Command: "dump"}, &got); err != nil ||
		strings.Count(got.String(), "\n") != lines {
		t.Errorf("%d lines, %v", strings.Count(got.String(), "\n"), err)
	}
	if _, err := Call(path, Request{Command: "broken"}, io.Discard); err == nil {
		t.Error("a text that breaks off is taken for whole")
	}
}

// The command that ends the process is answered, though the socket is closed meanwhile.
func TestFinishAnswersCommandsInWork(t *testing.T) {
	path, begun, end := filepath.Join(t.TempDir(), "ctl"), make(chan bool), make(chan bool)
	desk, _ := deskOf(Operation{Name: "upgrade", Run: func(Request) (Result, error) {
		begun <- true
		<-end
		return Result{Fields: map[string]any{"upgrade": "done"}}, nil
	}})
	c, err := ListenControl(path, Default(), nil, desk, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Start()
	answered := make(chan error, 1)
	go func() {
		_, err := Call(path, Request{Command: "upgrade"}, io.Discard)
		answered <- err
	}()
	<-begun
	finished := make(chan error, 1)
	go func() { finished <- c.Finish() }()
	if conn, err := c.l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(conn, err)
	}
	select {
	case <-finished:
		t.Error("it does not wait for a command in work")
	default:
	}
	close(end)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if err := <-finished; err != nil {
		t.Error(err)
	}
}

// The socket's group and mode are those of the configuration: others are given to a group by hand,
// after each start (github.com/TechnitiumSoftware/DnsServer/issues/2021,
// github.com/nginx/unit/pull/1000).
func TestControlSocketIsForItsGroup(t *testing.T) {
	desk, _ := deskOf()
	path := filepath.Join(t.TempDir(), "ctl")
	cfg := Config{Group: fmt.Sprint(os.Getgid()), Mode: WithGroup}
	c, err := ListenControl(path, cfg, nil, desk, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	cfg.Group = "no-such-group"
	if _, err := ListenControl(path+"2", cfg, nil, desk, nil); err == nil {
		t.Error("a socket of a group that there is not")
	}
}

// A request that is too long is not read to its end; nor does one that is nested deep, is malformed
// or asks for nothing end the server, as in named (CVE-2023-3341, CVE-2016-1285, CVE-2017-3138).
func TestMaxBodyOfTheControlSocket(t *testing.T) {
	desk, _ := deskOf()
	path := filepath.Join(t.TempDir(), "ctl")
	c, err := ListenControl(path, Default(), nil, desk, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Start()
	defer c.Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The rest may find nobody who reads it.
	_, _ = io.WriteString(conn, `{"command":"`+strings.Repeat("a", maxBody)+`"}`)
	if b, err := io.ReadAll(conn); len(b) > 0 {
		t.Errorf("answered %q, %v", b, err)
	}
	for _, text := range []string{strings.Repeat(`{"args":`, 8000), strings.Repeat("[", 60000),
		"", "null", "\x00", `{"command":null}`, `{"command":""}`} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, text)
		_ = c.(*net.UnixConn).CloseWrite()
		if b, _ := io.ReadAll(c); len(b) > 0 && !strings.Contains(string(b), "unknown command") {
			t.Errorf("%.20q: %s", text, b)
		}
		c.Close()
	}
	if _, err := Call(path, Request{Command: "x"}, io.Discard); err == nil ||
		!strings.Contains(err.Error(), "unknown command") {
		t.Errorf("afterwards: %v", err)
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
	desk, _ := deskOf(Operation{Name: "status",
		Run: func(Request) (Result, error) { panic("a fault") }})
	c, err := ListenControl(path, Default(), nil, desk, g)
	if err != nil {
		t.Fatal(err)
	}
	c.Start()
	defer c.Close()
	if _, err := Call(path, Request{Command: "status"}, io.Discard); err == nil ||
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
			"root (and for control.socket_group, if that is set)",
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

// There are no more than maxConnections to the control socket; who comes then waits for one to end,
// and the server has descriptors left. PowerDNS ended when its web server had taken the last one
// (CVE-2016-7072).
func TestMaxConnectionsOfTheControlSocket(t *testing.T) {
	desk, _ := deskOf(Operation{Name: "status", Run: func(Request) (Result, error) {
		return Result{Fields: map[string]any{"well": true}}, nil
	}})
	path := filepath.Join(t.TempDir(), "ctl")
	c, err := ListenControl(path, Default(), nil, desk, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range maxConnections {
		c.seats <- struct{}{}
	}
	select {
	case c.seats <- struct{}{}:
		t.Error("there is room for more")
	default:
	}
	c.Start()
	defer c.Close()
	answered := make(chan error, 1)
	go func() {
		_, err := Call(path, Request{Command: "status"}, io.Discard)
		answered <- err
	}()
	<-c.seats // a connection ends
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

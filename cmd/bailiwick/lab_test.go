package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bailiwick/internal/lab"
)

// runLab serves a small world, and returns the path of its socket. Resolvers of other packages'
// tests send questions from random ports, the lab's among them.
func runLab(t *testing.T) string {
	t.Helper()
	for port := uint16(15353); ; port++ {
		switch socket, err := startLab(t, port); {
		case err == nil:
			return socket
		case port == 15363 || !errors.Is(err, syscall.EADDRINUSE):
			t.Fatal(err)
		}
	}
}

// startLab is runLab at a port.
func startLab(t *testing.T, port uint16) (socket string, err error) {
	t.Helper()
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "bank.", Servers: []lab.ServerFaults{nil, nil}})
	socket = filepath.Join(t.TempDir(), "lab.sock")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serveLab(ctx, io.Discard, io.Discard, w, port, socket) }()
	until(t, "the lab does not listen at its socket", func() bool {
		select {
		case err = <-ended:
			return true
		default:
			_, missing := os.Stat(socket)
			return missing == nil
		}
	})
	if err != nil {
		stop()
		return "", err
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return socket, nil
}

// TestLabSwitchesFaults: zones and servers of a running lab are broken and repaired by the command
// line, and the error names what is unknown. Nobody else may use the socket.
func TestLabSwitchesFaults(t *testing.T) {
	socket := runLab(t)
	if st, err := os.Stat(socket); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the mode of the socket: %v %v", st.Mode(), err)
	}
	for _, c := range []struct{ args, want, fails string }{
		{args: "fault expired bank", want: ""},
		{args: "fault dead ns2.bank", want: ""},
		{args: "faults", want: "NAME FAULTS bank. expired ns2.bank. dead"},
		{args: "repair bank", want: ""},
		{args: "faults", want: "NAME FAULTS"},
		{args: "fault clock-behind .", want: ""},
		{args: "faults", want: "clock-behind"},
		{args: "repair .", want: ""},
		{args: "fault clock-behind bank", fails: "break the root"},
		{args: "fault expired nothing", fails: "there is no zone nothing."},
		{args: "fault expired ns1.bank", fails: "not a fault of one server"},
		{args: "fault ds-mismatch .", fails: "the root has no parent"},
		{args: "fault partial-key-rollout .", fails: "two servers"},
	} {
		out, err := call(append([]string{"lab", "--socket", socket}, strings.Fields(c.args)...)...)
		switch {
		case c.fails == "" && err != nil, c.fails != "" && (err == nil ||
			!strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s: %v, want %q", c.args, err, c.fails)
		case !strings.Contains(strings.Join(strings.Fields(out), " "), c.want):
			t.Errorf("%s:\n%s", c.args, out)
		}
	}
	if _, err := call("lab", "--socket", socket+".no", "faults"); err == nil {
		t.Error("faults of a lab that does not run")
	}
}

// TestLabPlaysScripts: the steps of a script are done in their order, and none of them if a line is
// wrong.
func TestLabPlaysScripts(t *testing.T) {
	socket, file := runLab(t), filepath.Join(t.TempDir(), "script")
	playing := func(script string) (string, error) {
		if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		return call("lab", "--socket", socket, "play", file)
	}
	out, err := playing("# a morning\n+0s fault expired bank\n\n" +
		"+10ms repair bank # by its owner\n+20ms fault dead ns1.bank\n")
	if err != nil || out != "+0s fault expired bank\n+10ms repair  bank\n+20ms fault dead "+
		"ns1.bank\n" {
		t.Errorf("%v\n%s", err, out)
	}
	for script, want := range map[string]string{
		"+0s fault lame bank\n+1s mend bank":       "line 2: after the time comes fault or repair",
		"+0s fault lame bank\n1s repair bank":      `line 2: "1s" is not a time such as +30s`,
		"+0s fault lame bank\n+-1s repair bank":    "is not a time",
		"+0s fault lame bank\n+1s repair":          "line 2: repair has 1 arguments, not 0",
		"+0s fault lame bank\n+1s fault expird b":  "did you mean expired?",
		"+2s fault lame bank\n+1s repair bank":     "line 2: +1s is before the line above",
		"+0s faults":                               "after the time comes fault or repair",
		"+0s":                                      "after the time comes fault or repair",
		"+0s repair bank\n+0s fault dead nowhere.": "at +0s: lab: there is no zone nowhere.",
	} {
		if _, err := playing(script); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", script, err, want)
		}
	}
	list, err := call("lab", "--socket", socket, "faults")
	if err != nil || strings.Contains(list, "lame") {
		t.Errorf("a script with a wrong line was begun: %v\n%s", err, list)
	}
	if _, err := call("lab", "play", file+".no"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a script that is not there: %v", err)
	}
}

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/lab"
	"bailiwick/internal/logtest"
	"bailiwick/internal/observe"
	"bailiwick/internal/snapshot"
)

// lines is a log that is read while it is written.
type lines struct{ logtest.Log }

// has waits until a text is in the log.
func (l *lines) has(t *testing.T, text string) {
	t.Helper()
	var all string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		all = l.String()
		if strings.Contains(all, text) {
			return
		}
	}
	t.Errorf("%q is not in %s", text, all)
}

// daylight is a server in this process, on an internet that is signed for another time.
func daylight(t *testing.T, off time.Duration, more string) (*reloaded, *lines) {
	t.Helper()
	s := &reloaded{t: t, file: t.TempDir() + "/b.yaml",
		udp: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	s.write("listen: {udp: [UDP], tcp: []}\nadmin: {listen: \"127.0.0.1:" +
		fmt.Sprint(freePort(t)) + "\"}\ncontrol: {socket: ''}\n" + more)
	cfg, found := readConfig(s.file)
	w := lab.Internet(time.Now().Add(-off))
	if err := useLab(cfg, w); err != nil {
		t.Fatal(err)
	}
	p, rest := snapshot.Load(cfg)
	if found = append(found, rest...); found.Err() != nil {
		t.Fatal(found.Err())
	}
	log := &lines{}
	j := observe.NewJournal(log)
	st := newStack(p, w, j)
	st.clock = clock.NewFake(time.Now()) // what is said of it; the resolver has the machine's
	var err error
	if s.running, err = st.listen(); err != nil {
		t.Fatal(err)
	}
	s.read = func() (*config.Config, config.Findings, error) {
		cfg, found := readConfig(s.file)
		return cfg, found, useLab(cfg, w)
	}
	s.start()
	t.Cleanup(func() { s.close(); j.Close() })
	return s, log
}

// A clock that does not fit to the root's signatures is in the log, in /readyz, in a metric, and in
// the reason of what fails. Time servers that are named resolve meanwhile.
func TestClockThatIsWrongIsSeen(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for off, state := range map[time.Duration]string{2 * year: "ahead", -2 * year: "behind"} {
		s, log := daylight(t, off, "clock: {time_servers: [www.secure.example]}\n")
		s.expect("www.nsec3.example.", "SERVFAIL")
		s.expect("www.secure.example.", "NOERROR")
		log.has(t, `msg="the clock is wrong" state=`+state)
		log.has(t, "cause=clock_"+state)
		log.has(t, "served unvalidated")
		p := &process{t: t, admin: s.console.Addr()}
		if text, _ := p.get("/readyz"); !strings.Contains(text, "not ready: clock_"+state) ||
			!strings.Contains(text, "warning: clock: ") {
			t.Errorf("/readyz: %s", text)
		}
		if text, _ := p.get("/metrics"); !strings.Contains(text,
			`bailiwick_clock_state{state="`+state+`"} 1`) {
			t.Error("the metric does not show it")
		}
	}
}

// A clock that is set while the server runs is in the log, and nothing is said of one that is
// right.
func TestClockThatIsSetIsLogged(t *testing.T) {
	s, log := daylight(t, 0, "")
	s.expect("www.secure.example.", "NOERROR+ad")
	s.clock.(*clock.Fake).Step(-2 * time.Hour)
	log.has(t, `msg="the time of day was set" by=-2h0m0s`)
	if strings.Contains(log.String(), "the clock is wrong") {
		t.Error(log.String())
	}
}

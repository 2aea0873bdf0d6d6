package observe

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
)

// The log reports once that a configured server does not answer, and when it does again; of
// all other servers only that none does; and what came of priming.
func TestTheLogSaysWhatAnOperatorCanMend(t *testing.T) {
	var log strings.Builder
	now := time.Unix(1e9, 0)
	own, other := netip.MustParseAddrPort("10.0.0.53:853"), netip.MustParseAddrPort("192.0.2.1:53")
	u := NewUpstreams(New(), slog.New(slog.NewTextHandler(&log, nil)),
		func() time.Time { return now },
		[]netip.AddrPort{own})
	said := func() string {
		text := log.String()
		log.Reset()
		var lines []string
		for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
			_, l, _ = strings.Cut(l, "msg=")
			lines = append(lines, l)
		}
		return strings.Join(lines, "; ")
	}
	outcome := func(a netip.AddrPort, c cause.Cause, n int) {
		for range n {
			u.Upstream(a, transport.DoT, time.Millisecond, c)
			now = now.Add(time.Second)
		}
	}
	for _, c := range []struct {
		name string
		do   func()
		want string // begins each line
	}{
		{"all is well", func() { outcome(own, cause.None, 3); outcome(other, cause.None, 3) }, ""},
		{"a loss or two", func() { outcome(own, cause.Timeout, 2); outcome(own, cause.None, 1) },
			""},
		{"servers of the tree fail, others answer", func() {
			for range 20 {
				outcome(other, cause.Timeout, 1)
				outcome(own, cause.None, 1)
			}
		}, ""},
		{"the operator's fails", func() {
			for range 20 {
				outcome(own, cause.Timeout, 1)
				outcome(other, cause.None, 1)
			}
		}, `"server does not answer" server=10.0.0.53:853 transport=dot cause=timeout`},
		{"and is back", func() { outcome(own, cause.None, 2) },
			`"server answers again" server=10.0.0.53:853 after=40s`},
		{"another one's certificate", func() {
			for range 20 {
				outcome(own, cause.ServerIdentity, 1)
				outcome(other, cause.None, 1)
			}
		}, `"server does not answer" server=10.0.0.53:853 transport=dot cause=server_identity`},
		{"no server answers", func() { outcome(other, cause.Unreachable, 20) },
			`"no server answers" cause=unreachable`},
		{"one does", func() { outcome(other, cause.None, 2) }, `"servers answer again" after=`},
		{"priming fails", func() {
			u.Primed(0, &cause.Failure{Cause: cause.Timeout})
			u.Primed(0, &cause.Failure{Cause: cause.Timeout})
		},
			`"not primed: the root hints serve" cause=timeout`},
		{"and works", func() { u.Primed(13, nil) }, "primed root_servers=13"},
	} {
		c.do()
		if got := said(); !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") ||
			strings.Contains(got, "; ") {
			t.Errorf("%s: logged %s, want %s", c.name, got, c.want)
		}
	}
}

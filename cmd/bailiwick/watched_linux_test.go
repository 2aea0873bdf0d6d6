// Watched zones as an operator sees them.

package main

import (
	"fmt"
	"strings"
	"testing"
)

// An operator has two zones watched: one is well, one is broken. A reload has others watched, and
// the history of those that stay is kept.
func TestWatchedZonesOfAServer(t *testing.T) {
	s := reloadable(t, plain+"watch: {zones: [{name: secure.example, owner: dns, objective: 99}, "+
		"expired.faulty]}\n")
	columns := []string{"zone", "state", "status", "objective", "cause", "owner"}
	list := func() string { return s.rows(columns, "watch list") }
	until(t, "both are probed", func() bool {
		return list() == "secure.example. good secure 99 % - dns \n"+
			"expired.faulty. failing bogus 99.9 % signature_expired - \n"
	})
	res, err := s.ctl("watch show", "zone", "Expired.faulty")
	if text := fmt.Sprint(res.Fields, res.Rows); err != nil ||
		!strings.Contains(text, "signature-expired error") ||
		!strings.Contains(text, "budget_left:spent 1000.0 times") ||
		!strings.Contains(text, "failed_probes:1") {
		t.Errorf("%v %s", err, text)
	}
	for _, bad := range []string{"www.expired.faulty", "a..b"} {
		for _, command := range []string{"watch show", "watch probe", "watch rollovers"} {
			if res, err := s.ctl(command, "zone", bad); err == nil {
				t.Errorf("%s %s: %v", command, bad, res)
			}
		}
	}
	if _, err := s.ctl("watch probe", "zone", "expired.faulty"); err != nil {
		t.Fatal(err)
	}
	until(t, "it is probed again", func() bool {
		res, err := s.ctl("watch show", "zone", "expired.faulty")
		return err == nil && strings.Contains(fmt.Sprint(res.Fields), "failed_probes:2")
	})
	if res, err := s.ctl("watch rollovers"); err != nil || len(res.Rows) != 0 {
		t.Errorf("rollovers: %v %v", res.Rows, err)
	}
	s.change(plain + "watch: {zones: [expired.faulty, unsigned.example]}\n")
	until(t, "the other one is probed", func() bool {
		return list() == "expired.faulty. failing bogus 99.9 % signature_expired - \n"+
			"unsigned.example. good insecure 99.9 % - - \n"
	})
	if res, err := s.ctl("watch show", "zone", "expired.faulty"); err != nil ||
		!strings.Contains(fmt.Sprint(res.Fields), "failed_probes:2") {
		t.Errorf("after a reload: %v %v", res.Fields, err)
	}
}

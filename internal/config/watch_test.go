package config

import (
	"fmt"
	"strings"
	"testing"

	"bailiwick/internal/watch"
)

// TestWatchedZones: zones that are watched have a name each, and an objective that can be met and
// missed.
func TestWatchedZones(t *testing.T) {
	many := "["
	for i := range watch.MaxZones + 1 {
		many += fmt.Sprintf("z%d.example, ", i)
	}
	for text, want := range map[string]string{
		`[bank.example]`: "[{bank.example. 0 }]",
		`[{name: bank.example, objective: 99.95, owner: dns}]`: "[{bank.example. 99.95 dns}]",
		`[{name: bank.example, objective: "99.95 %"}]`:         "[{bank.example. 99.95 }]",
		`[{name: .}]`:                                          "[{. 0 }]",
		`[{name: bank.example, objective: 100}]`:               "is not a percentage",
		`[{name: bank.example, objective: 0}]`:                 "is not a percentage",
		`[{name: bank.example, objective: NaN}]`:               "is not a percentage",
		`[{name: a..b}]`:                                       `name "a..b"`,
		`[{owner: dns}]`:                                       "lacks its name",
		`[bank.example, Bank.example.]`:                        "is given twice",
		`[{name: a, owner: ` + strings.Repeat("x", 101) + `}]`: "more than 100 octets",
		many + "]": "at most",
	} {
		c, found := written(t, "watch: {zones: "+text+"}\n")
		got := fmt.Sprint(found.Err())
		if found.Err() == nil {
			got = fmt.Sprint(c.Watch.Zones)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%.60s: %s", text, got)
		}
	}
	for text, want := range map[string]string{"interval: 10s": "watch.interval",
		"queries: 64": "watch.queries", "objective: 101": "is not a percentage"} {
		if _, found := written(t, "watch: {"+text+"}\n"); !strings.Contains(
			fmt.Sprint(found.Err()), want) {
			t.Errorf("%s: %v", text, found.Err())
		}
	}
}

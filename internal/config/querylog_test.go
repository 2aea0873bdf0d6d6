package config

import (
	"strings"
	"testing"

	"bailiwick/internal/querylog"
)

// What a view gives of a query log stands in place of what holds for all, and the rest is as for
// these; what is wrong is said where it stands.
func TestQueryLogsOfViews(t *testing.T) {
	view := "views:\n  - {name: v, clients: [192.0.2.0/24], query_log: "
	base := "query_log: {to: file, file: /q, sample: 10}\n"
	for text, want := range map[string]querylog.Config{
		"{clients: omit}": {To: querylog.File, Path: "/q", Sample: 10, Clients: querylog.Omit},
		"off":             {Path: "/q", Sample: 10},
		"{to: journald, sample: 1}": {To: querylog.Journal, Path: "/q", Sample: 1,
			Clients: querylog.Full},
	} {
		c, found := written(t, view+text+"}\n"+base)
		want.MaxSize, want.Files = querylog.Default().MaxSize, querylog.Default().Files
		if got, own := c.QueryLogOf(0); len(found) > 0 || !own || got != want {
			t.Errorf("%s: %+v, %v", text, got, found)
		}
	}
	c, found := written(t, "views: [{name: v, clients: [192.0.2.0/24]}]\n"+base)
	if got, own := c.QueryLogOf(0); len(found) > 0 || own || got != c.QueryLog {
		t.Errorf("%+v, %v", got, found)
	}
	for text, want := range map[string]string{
		"{to: file}":      "which one?",
		"{to: somewhere}": "somewhere",
		"{sample: 0}":     "sample",
		"{colour: red}":   "colour",
	} {
		_, found := written(t, view+text+"}\n")
		if len(found.Errors()) == 0 || !strings.Contains(found.Errors()[0].Error(), want) {
			t.Errorf("%s: %v", text, found)
		}
	}
}

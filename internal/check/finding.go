// Findings, and how those of several servers and questions become one.

package check

import (
	"cmp"
	"fmt"
	"slices"
)

// Finding is one thing that is wrong, or worth knowing.
type Finding struct {
	Rule
	Message   string   // the facts: key tags, dates, addresses
	Servers   []string // those where it was seen; empty if it is not about servers
	Questions []string // those whose replies show it; empty if it is not about replies
}

// where is what a finding is about, besides its facts.
type where struct {
	server   *Server
	question string
}

// add records a finding. One of the same rule with the same facts is extended by the server and the
// question: a fault that all servers share is one finding.
func (j *judge) add(id string, at where, format string, args ...any) {
	rule, message := ruleOf(id), fmt.Sprintf(format, args...)
	i := slices.IndexFunc(j.found, func(f Finding) bool {
		return f.ID == id && f.Message == message
	})
	if i < 0 {
		i = len(j.found)
		j.found = append(j.found, Finding{Rule: rule, Message: message})
	}
	f := &j.found[i]
	if at.server != nil && !slices.Contains(f.Servers, at.server.String()) {
		f.Servers = append(f.Servers, at.server.String())
	}
	if at.question != "" && !slices.Contains(f.Questions, at.question) {
		f.Questions = append(f.Questions, at.question)
	}
}

// sorted returns the findings by severity, the gravest first, and then by area.
func sorted(found []Finding) []Finding {
	areas := Areas()
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(slices.Index(areas, a.Area), slices.Index(areas, b.Area)),
			cmp.Compare(a.ID, b.ID))
	})
	return found
}

// worst returns the gravest severity of findings; ok is false if there are none.
func worst(found []Finding) (gravest Severity, ok bool) {
	for _, f := range found {
		gravest = max(gravest, f.Severity)
	}
	return gravest, len(found) > 0
}

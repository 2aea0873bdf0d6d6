// Findings of watched zones: when they began, and when they have ended.

package watch

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"bailiwick/internal/check"
	"bailiwick/internal/rollover"
)

// Finding is something that is wrong with a zone, or worth knowing.
type Finding struct {
	ID       string
	Severity check.Severity
	Message  string
	Remedy   string
	Since    time.Time
	// Passing reports whether it may be of a transfer or a change that is under way: it was seen
	// once, and servers cannot all change at the same time.
	Passing bool `json:",omitempty"`
}

// Text returns what the finding is.
func (f *Finding) Text() string { return titles(f.ID) + ": " + f.Message }

// stuckDS is the finding that follows from another one that lasts, and chain is what those begin
// with that follow from what caches have.
const (
	stuckDS = "cds-stuck"
	chain   = "chain-"
)

// broken returns the finding of a chain of trust that is broken for resolvers which have data from
// before.
func broken(f rollover.Fault, now time.Time) Finding {
	return Finding{ID: chain + strings.ReplaceAll(string(f.Why), "_", "-"),
		Severity: check.Error, Since: now,
		Message: "until " + f.Until.UTC().Format(time.RFC3339),
		Remedy: "put back what was changed, the old key, DS or signatures, until their TTL " +
			"has passed (RFC 7583, section 3)"}
}

// titles returns what a finding means, in a line.
func titles(id string) string {
	if id == stuckDS {
		return "the parent has not published what CDS asks for"
	}
	if why, ok := strings.CutPrefix(id, chain); ok {
		return rollover.Reason(strings.ReplaceAll(why, "-", "_")).Text()
	}
	for _, r := range check.Rules() {
		if r.ID == id {
			return r.Title
		}
	}
	return id
}

// passing reports whether findings of an area come and go with each change of a zone: one look
// proves nothing.
func passing(area string) bool { return area == "agreement" || area == "servers" }

// note takes what a look has found, with the faults of the chain of trust; delegated is whether the
// parent has a DS. A look that is blind ends no finding, as it could not have seen
// it: neither it nor its absence. It returns what has begun and ended, for the log. The caller
// holds mu.
func (z *zone) note(found []check.Finding, delegated, blind bool, now time.Time) (begun,
	ended []Finding) {
	next := map[string]Finding{}
	if blind {
		maps.Copy(next, z.Findings)
	}
	for _, f := range found {
		if !f.Watched() || len(next) >= maxFindings {
			continue
		}
		if _, twice := next[f.ID]; twice && !blind {
			continue // the first one of a kind stands for all
		}
		next[f.ID] = Finding{ID: f.ID, Severity: f.Severity, Message: message(&f),
			Remedy: f.Remedy, Since: now, Passing: passing(f.Area)}
	}
	for _, f := range z.Rolls.Faults {
		if !f.Until.IsZero() { // else package check has found it, too
			one := broken(f, now)
			next[one.ID] = one
		}
	}
	for _, id := range []string{"cds-pending", "cds-delete"} {
		p, was := z.Findings[id]
		if _, is := next[id]; was && is && (id != "cds-delete" || delegated) &&
			now.Sub(p.Since) >= stuck {
			next[stuckDS] = Finding{ID: stuckDS, Severity: check.Warning, Since: now,
				Message: fmt.Sprintf("since %s: %s", p.Since.UTC().Format(time.RFC3339), p.Message),
				Remedy: "have the parent's operator, or the registrar, change the DS: it may " +
					"not look for CDS at all"}
		}
	}
	for id, f := range next {
		old, known := z.Findings[id]
		if known {
			f.Since, f.Passing = old.Since, false
			next[id] = f
		}
		if !f.Passing && (!known || old.Passing) {
			begun = append(begun, f)
		}
	}
	for id, old := range z.Findings {
		if _, still := next[id]; !still && !old.Passing {
			ended = append(ended, old)
		}
	}
	z.Findings = next
	return ordered(begun), ordered(ended)
}

// message returns what a finding says, and where it was seen.
func message(f *check.Finding) string {
	text := f.Message
	if len(f.Servers) > 0 {
		text += " (" + strings.Join(f.Servers[:min(3, len(f.Servers))], ", ")
		if more := len(f.Servers) - 3; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		text += ")"
	}
	return text[:min(len(text), maxMessage)]
}

// ordered sorts findings, the gravest first.
func ordered(list []Finding) []Finding {
	slices.SortFunc(list, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// level returns that of the log line of a finding.
func level(s check.Severity, maintained bool) slog.Level {
	if s == check.Notice || maintained {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// tell writes the log lines of findings.
func (b *Book) tell(z *Zone, begun, ended []Finding) {
	quiet := b.p.Maintained(z.Name)
	for _, f := range begun {
		b.p.Log.Log(context.Background(), level(f.Severity, quiet), "watched zone: finding",
			"zone", z.Name.String(), "owner", z.Owner, "finding", f.ID, "severity",
			f.Severity.String(), "detail", f.Text(), "remedy", f.Remedy, "maintenance", quiet)
	}
	for _, f := range ended {
		b.p.Log.Info("watched zone: finding ends", "zone", z.Name.String(), "owner",
			z.Owner, "finding", f.ID, "since", f.Since.UTC().Format(time.RFC3339))
	}
}

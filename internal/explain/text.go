// The report as text for a terminal.

package explain

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// colours are those of a terminal, by status (ECMA-48, SGR). The words say the same without them.
var colours = map[string]string{"secure": "32", "bogus": "1;31", "insecure": "33",
	"indeterminate": "33", "unchecked": "35", "expired": "1;31", "not yet valid": "1;31",
	"reversed": "1;31"}

// textWriter writes a report.
type textWriter struct {
	out    *bufio.Writer
	colour bool
}

// Text writes a report as text, with colours of a terminal if they are wanted.
func (r *Report) Text(w io.Writer, colour bool) error {
	t := &textWriter{bufio.NewWriter(w), colour}
	if r.Instead != nil {
		t.line(0, "%s", t.paint("bogus", r.Summary))
		t.fault(1, r.Instead)
		t.line(0, "\n%s", t.paint(r.Status, summary(r)))
	} else {
		t.line(0, "%s", t.paint(r.Status, r.Summary))
	}
	if r.Broken != nil {
		t.fault(1, r.Broken)
	} else if r.Reason != nil {
		t.fault(1, r.Reason)
	}
	t.line(0, "\nanswer: %s, %s, %d packets, at %s", r.RCode, t.paint(r.Status, r.Status),
		r.Packets, r.Time.Format(time.RFC3339))
	for i := range r.Steps {
		t.step(&r.Steps[i])
	}
	t.line(0, "\nchain of trust:")
	for i := range r.Zones {
		t.zone(&r.Zones[i])
	}
	t.rest(r)
	return t.out.Flush()
}

// line writes a line with an indentation.
func (t *textWriter) line(depth int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if rest, ok := strings.CutPrefix(text, "\n"); ok {
		fmt.Fprintln(t.out)
		text = rest
	}
	fmt.Fprintf(t.out, "%s%s\n", strings.Repeat("  ", depth), text)
}

// paint returns a text in the colour of a status.
func (t *textWriter) paint(status, text string) string {
	if c := colours[status]; t.colour && c != "" {
		return "\x1b[" + c + "m" + text + "\x1b[0m"
	}
	return text
}

// fault writes what is wrong, and who has to act.
func (t *textWriter) fault(depth int, f *Fault) {
	ede := ""
	if f.EDE != nil {
		ede = fmt.Sprintf(", Extended DNS Error %d", *f.EDE)
	}
	t.line(depth, "link:    %s", f.Link)
	why := f.Meaning
	if f.Cause != "" {
		why = t.paint("bogus", f.Cause) + ": " + why
	}
	t.line(depth, "cause:   %s%s", why, ede)
	if f.Detail != "" {
		t.line(depth, "detail:  %s", f.Detail)
	}
	if f.Server != "" {
		t.line(depth, "server:  %s", f.Server)
	}
	who := f.By
	if f.Zone != "" && f.By != "this resolver" && f.By != "client" {
		who += " (of " + f.Zone + ")"
	}
	t.line(depth, "who:     %s", who)
	t.line(depth, "remedy:  %s", f.Remedy)
	for i := range f.Because {
		t.line(depth, "because: %s: %s", f.Because[i].Cause, f.Because[i].Meaning)
	}
}

// step writes a name of the alias chain.
func (t *textWriter) step(s *Step) {
	text := fmt.Sprintf("%s %s: %s", s.Name, s.Type, s.Kind)
	if s.Target != "" {
		text += " to " + s.Target
	}
	if s.Zone != "" {
		text += ", signed by " + s.Zone
	}
	t.line(1, "%s, from %s [%s]", text, s.From, t.paint(s.Status, s.Status))
	for _, r := range s.Records {
		t.line(2, "%s", strings.ReplaceAll(r, "\t", " "))
	}
	t.signatures(2, s.Signatures)
	for _, d := range s.Denial {
		t.line(2, "proof: %s", d)
	}
	if s.Fault != nil {
		t.line(2, "broken: %s: %s", s.Fault.Link, s.Fault.Cause)
	}
}

// signatures writes signatures with the time that they have left.
func (t *textWriter) signatures(depth int, sigs []Signature) {
	for _, s := range sigs {
		mark := ""
		switch {
		case s.Verified:
			mark = ", verified"
		case !s.KeyKnown:
			mark = ", no such key"
		}
		t.line(depth, "signature over %s by %s key %d (%s): %s%s", s.Covers, s.Signer, s.Tag,
			s.AlgorithmName, t.paint(s.State, when(&s)), mark)
	}
}

// when tells how a signature stands in time.
func when(s *Signature) string {
	switch s.State {
	case "expired":
		return fmt.Sprintf("expired %s ago, at %s", duration(-s.Remaining),
			s.Expiration.Format(time.RFC3339))
	case "not yet valid":
		return "begins at " + s.Inception.Format(time.RFC3339)
	case "reversed":
		return fmt.Sprintf("expires at %s, before it begins at %s",
			s.Expiration.Format(time.RFC3339), s.Inception.Format(time.RFC3339))
	}
	return fmt.Sprintf("%s left, until %s", duration(s.Remaining),
		s.Expiration.Format(time.RFC3339))
}

// duration returns seconds as a time for people: two units at most.
func duration(seconds int64) string {
	d, h, m := seconds/86400, seconds/3600%24, seconds/60%60
	switch {
	case d > 0:
		return fmt.Sprintf("%dd %dh", d, h)
	case h > 0:
		return fmt.Sprintf("%dh %dm", h, m)
	case m > 0:
		return fmt.Sprintf("%dm %ds", m, seconds%60)
	}
	return fmt.Sprintf("%ds", seconds)
}

// zone writes a zone of the chain.
func (t *textWriter) zone(z *Zone) {
	t.line(1, "%s [%s]", z.Name, t.paint(z.Status, z.Status))
	for _, d := range z.Anchors {
		t.line(2, "trust anchor %s", d.words())
	}
	for _, d := range z.DS {
		t.line(2, "DS at %s: %s", z.Parent, d.words())
	}
	for _, d := range z.NoDS {
		t.line(2, "no DS at %s: %s", z.Parent, d)
	}
	t.signatures(3, z.DSSignatures)
	for _, k := range z.Keys {
		t.line(2, "DNSKEY %s", k.words())
	}
	t.signatures(3, z.KeySignatures)
	if z.Fault != nil {
		t.line(2, "%s: %s: %s", t.paint(z.Status, "fault"), z.Fault.Link, z.Fault.Cause)
	}
}

// words returns a DS record for people.
func (d *DS) words() string {
	match := "no key matches"
	if d.Matches {
		match = "matches"
	}
	return fmt.Sprintf("%d %s %s, %s", d.Tag, d.AlgorithmName, d.DigestName, match)
}

// words returns a key for people.
func (k *Key) words() string {
	text := fmt.Sprintf("%d %s", k.Tag, k.AlgorithmName)
	if k.Bits > 0 {
		text += fmt.Sprintf(" %d bits", k.Bits)
	}
	return text + ", " + k.Role
}

// rest writes servers, exceptions, policy, and what is remembered.
func (t *textWriter) rest(r *Report) {
	if len(r.Exchanges) > 0 {
		t.line(0, "\nservers asked:")
	}
	for _, x := range r.Exchanges {
		verdict := ""
		if x.Verdict != "" {
			verdict = ", " + t.paint(x.Verdict, x.Verdict)
		}
		if x.Cause != "" {
			verdict += " (" + x.Cause + ")"
		}
		t.line(1, "%s of %s, %s, %.1f ms: %s %s: %s%s", x.Server, x.Zone, x.Transport, x.Millis,
			x.Name, x.Type, x.Outcome, verdict)
	}
	for _, s := range r.Seen {
		t.line(0, "passed over: %s of %s: %s %s: %s %s", s.Server, s.Zone, s.Name, s.Type, s.Cause,
			s.Detail)
	}
	for _, e := range r.Exceptions {
		t.line(0, "exception for %s: %s: %s; %s", e.Zone, e.Cause, e.Text, e.Remedy)
	}
	for _, p := range r.Policy {
		t.line(0, "policy: %s: %s", p.What, p.Value)
	}
	for _, f := range r.Remembered {
		t.line(0, "remembered: %s %s: %s since %s, %d in a row, not tried again before %s", f.Name,
			f.Type, f.Cause, f.First.Format(time.RFC3339), f.Count, f.Until.Format(time.RFC3339))
	}
	for _, n := range r.Notes {
		t.line(0, "note: %s", n)
	}
}

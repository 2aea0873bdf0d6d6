// The report as text.

package check

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes the report for people. Colour marks severities for a terminal.
func (r *Report) WriteText(w io.Writer, colour bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s at %s\n", r.Zone, plural(len(r.Servers), "server address"),
		r.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	for _, s := range r.Servers {
		fmt.Fprintf(&b, "  %s\n", Printable(s))
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n%s %s: %s\n  %s\n", f.Severity.Label(colour), f.ID, f.Title,
			Printable(f.Message))
		if len(f.Servers) > 0 {
			fmt.Fprintf(&b, "  at: %s\n", Printable(list(f.Servers)))
		}
		if len(f.Questions) > 0 {
			fmt.Fprintf(&b, "  asked: %s\n", Printable(list(f.Questions)))
		}
		fmt.Fprintf(&b, "  do: %s\n", f.Remedy)
		if f.Reference != "" {
			fmt.Fprintf(&b, "  see: %s\n", f.Reference)
		}
	}
	fmt.Fprintf(&b, "\n%s: %s, %s, %s (%d queries)\n", r.result(), plural(r.count(Error), "error"),
		plural(r.count(Warning), "warning"), plural(r.count(Notice), "notice"), r.Queries)
	_, err := io.WriteString(w, b.String())
	return err
}

// plural counts things, in words.
func plural(n int, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "s"):
		return fmt.Sprintf("%d %ses", n, thing)
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Label returns the severity for a reader, in its colour if the terminal has any.
func (s Severity) Label(colour bool) string {
	if !colour {
		return s.String()
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", [...]int{Notice: 36, Warning: 33, Error: 31}[s], s)
}

// Printable returns text without control characters: it has names and errors that servers chose. A
// terminal would obey them, and XML has no way to write them (section 2.2 of XML 1.0).
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F || r >= 0x80 && r < 0xA0 || r == 0xFFFE || r == 0xFFFF {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

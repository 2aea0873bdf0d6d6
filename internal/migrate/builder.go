// What a conversion has come to, and how it is written.

package migrate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bailiwick/internal/config"
)

// item is a value of a key, or an entry of one that is a list.
type item struct {
	text string // in YAML, on one line
	at   place
	what string // the option that it is from
	list bool
	line int // of the body that it stands in
}

// valueLine is a line of the body: that of a value, or with an index of -1 that of a key.
type valueLine struct {
	line  int
	key   string
	index int
}

// note is an option that was left out.
type note struct {
	at    place
	what  string
	why   string
	alter bool // it changes answers or who may ask
}

// builder collects values and what is left out.
type builder struct {
	values map[string][]item
	added  map[string]bool // entries of lists, each after its key
	notes  []note
	told   []string // further differences
	lines  []valueLine
	// loopback is set for a program that asks servers at loopback addresses that it is given.
	loopback bool
}

// set gives a key its value.
func (b *builder) set(key, text string, d *directive) {
	b.values[key] = []item{{text: text, at: d.at, what: d.String()}}
}

// add gives a key that is a list an entry. An entry that is there already is not added again.
func (b *builder) add(key, text string, d *directive) {
	if entry := key + "\x00" + text; !b.added[entry] {
		b.added[entry] = true
		b.values[key] = append(b.values[key], item{text: text, at: d.at, what: d.String(),
			list: true})
	}
}

// tell lists a difference at the top, once.
func (b *builder) tell(text string) {
	if !slices.Contains(b.told, text) {
		b.told = append(b.told, text)
	}
}

// staleServed is how clients notice that serve-stale is on here, and was not.
const staleServed = "data that have ended are served while fresh ones cannot be had: " +
	"stale.enabled: false"

// closeOthers takes away the listeners that are there by default, if there are no others of the
// kind.
func (b *builder) closeOthers(why string) {
	for _, key := range []string{"listen.udp", "listen.tcp"} {
		if len(b.values[key]) == 0 {
			b.set(key, "[]", defaultOf(why))
		}
	}
}

// lose lists an option that changes answers or who may ask, and is left out.
func (b *builder) lose(d *directive, format string, args ...any) {
	b.notes = append(b.notes, note{d.at, d.String(), fmt.Sprintf(format, args...), true})
}

// leave lists an option that is left out without a change for clients.
func (b *builder) leave(d *directive, format string, args ...any) {
	b.notes = append(b.notes, note{d.at, d.String(), fmt.Sprintf(format, args...), false})
}

// lost reports whether something was left out that changes answers or who may ask.
func (b *builder) lost() bool {
	return slices.ContainsFunc(b.notes, func(n note) bool { return n.alter })
}

// settle takes out what the configuration's own reader refuses, and lists it with the reason: what
// is printed is right by construction. Each round takes out at least one value.
func (b *builder) settle(check Check) error {
	for {
		errs := check([]byte(b.body())).Errors()
		if len(errs) == 0 {
			return nil
		}
		removed := false
		for _, f := range errs {
			removed = b.remove(f) || removed
		}
		if !removed {
			return errs.Err()
		}
	}
}

// remove takes out the values that stand in the line that a finding is about, or those of the key
// whose line it is, and reports whether there were any. Who may ask is never left to defaults.
func (b *builder) remove(f *config.Finding) bool {
	i := slices.IndexFunc(b.lines, func(v valueLine) bool { return v.line == f.Line })
	if i < 0 {
		i = slices.IndexFunc(b.lines, func(v valueLine) bool {
			return f.Line == 0 && strings.HasPrefix(f.Text, v.key+":")
		})
	}
	if i < 0 || b.lines[i].key == accessKey {
		return false
	}
	v := b.lines[i]
	var kept []item
	for j, it := range b.values[v.key] {
		if v.index >= 0 && f.Line > 0 && it.line != f.Line {
			kept = append(kept, b.values[v.key][j])
			continue
		}
		b.notes = append(b.notes, note{it.at, it.what,
			v.key + ": " + strings.TrimPrefix(f.Text, v.key+": "), true})
	}
	removed := len(kept) < len(b.values[v.key])
	if b.values[v.key] = kept; len(kept) == 0 {
		delete(b.values, v.key)
		if v.key == "policy.dns64.prefixes" { // without one, another would be translated to
			delete(b.values, "policy.dns64.enabled")
		}
	}
	return removed
}

// quote writes a text as a YAML value that is no other than this text: ${ would be a variable.
func quote(s string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can be written
	return strings.ReplaceAll(strings.TrimSpace(out.String()), "${", "$${")
}

// quotes writes a list.
func quotes(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, quote(s))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// body writes the values in the order of the table of keys, each with the place that it is from,
// and notes in which line each stands.
func (b *builder) body() string {
	var out strings.Builder
	var open []string
	line, of, index := 1, "", -1
	put := func(depth int, text string) {
		fmt.Fprintf(&out, "%s%s\n", strings.Repeat("  ", depth), text)
		b.lines = append(b.lines, valueLine{line, of, index})
		line++
	}
	b.lines = nil
	for _, key := range orderedKeys(b.values) {
		items, parts := b.values[key], strings.Split(key, ".")
		last := len(parts) - 1
		of, index = key, -1
		same := 0
		for same < min(last, len(open)) && open[same] == parts[same] {
			same++
		}
		for i := same; i < last; i++ {
			put(i, parts[i]+":")
		}
		open = parts[:last]
		switch {
		case key == accessKey:
			put(last, parts[last]+":")
			put(last+1, "replace: true")
			put(last+1, "rules:")
			last++
		case items[0].list:
			put(last, parts[last]+":")
		}
		for i := range items {
			items[i].line, index = line, i
			if items[i].list {
				put(last+1, "- "+items[i].text+" # "+items[i].at.String())
			} else {
				put(last, parts[last]+": "+items[i].text+" # "+items[i].at.String())
			}
		}
	}
	return out.String()
}

// accessKey is the key of who may ask: a conversion replaces all that holds by default.
const accessKey = "policy.access"

// orderedKeys returns the keys with values, those of a section together.
func orderedKeys(values map[string][]item) (keys []string) {
	section := func(key string) string { s, _, _ := strings.Cut(key, "."); return s }
	var sections []string
	bySection := map[string][]string{}
	for _, key := range config.Keys() {
		if len(values[key]) == 0 {
			continue
		}
		s := section(key)
		if bySection[s] == nil {
			sections = append(sections, s)
		}
		bySection[s] = append(bySection[s], key)
	}
	for _, s := range sections {
		of := bySection[s] // those of a section within it come together, in its first key's place
		slices.SortStableFunc(of, func(a, b string) int {
			return strings.Count(a, ".") - strings.Count(b, ".")
		})
		keys = append(keys, of...)
	}
	return keys
}

// render writes all: what differs, what was left out, and the values.
func (b *builder) render(head string, differs []string) string {
	var out strings.Builder
	out.WriteString(head)
	if all := append(slices.Clone(differs), b.told...); len(all) > 0 {
		out.WriteString("#\n# What clients see differently:\n")
		for _, text := range all {
			out.WriteString("# - " + oneLine(text) + "\n")
		}
	}
	for _, part := range []struct {
		alter bool
		title string
	}{{true, "Left out, and it changes answers or who may ask:"},
		{false, "Left out, without a change for clients:"}} {
		title := "#\n# " + part.title + "\n"
		for _, n := range b.notes {
			if n.alter == part.alter {
				fmt.Fprintf(&out, "%s# - %s: %s: %s\n", title, n.at, oneLine(n.what),
					oneLine(n.why))
				title = ""
			}
		}
	}
	return out.String() + b.body()
}

// The table of keys for people and programs.

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Show writes the complete configuration as a file that would give it.
func (c *Config) Show(w io.Writer) error {
	var open []string
	for i := range keys {
		k := &keys[i]
		sections, name := k.path()
		for depth, s := range sections {
			if depth < len(open) && open[depth] == s {
				continue
			}
			open = open[:min(depth, len(open))]
			if _, err := fmt.Fprintf(w, "%s%s:\n", indent(depth), s); err != nil {
				return err
			}
			open = append(open, s)
		}
		open = open[:len(sections)]
		in := indent(len(sections))
		help := k.help
		if at, given := c.places[k.key]; given && len(c.files) > 1 {
			help += fmt.Sprintf("\n%s# from %s:%d", in, c.files[at.file], at.line)
		}
		if _, given := c.places[k.key]; !given && c.profiled[k.key] {
			help += fmt.Sprintf("\n%s# by %s: %s", in, profileKey.key, c.text[profileKey.key])
		}
		if _, err := fmt.Fprintf(w, "%s# %s\n%s%s: %s\n", in, help, in, name,
			c.text[k.key]); err != nil {
			return err
		}
	}
	return nil
}

// path returns the sections that a key is in, and its name there.
func (k *key) path() (sections []string, name string) {
	parts := strings.Split(k.key, ".")
	return parts[:len(parts)-1], parts[len(parts)-1]
}

func indent(depth int) string { return strings.Repeat("  ", depth) }

// Differing lists the keys whose value is another one in o, in the order of the table.
func (c *Config) Differing(o *Config) (differ []string) {
	for i := range keys {
		if k := keys[i].key; c.text[k] != o.text[k] {
			differ = append(differ, k)
		}
	}
	return differ
}

// Digest returns a digest of all that Show prints: two servers with the same one are configured
// alike, as far as the files that are named are.
func (c *Config) Digest() string { return c.digest("") }

// SectionDigest is Digest of one section.
func (c *Config) SectionDigest(section string) string { return c.digest(section + ".") }

// digest returns a digest of the keys that begin with a text.
func (c *Config) digest(prefix string) string {
	h := sha256.New()
	for i := range keys {
		if strings.HasPrefix(keys[i].key, prefix) {
			fmt.Fprintf(h, "%q: %q\n", keys[i].key, c.text[keys[i].key])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:digestLen])
}

// digestLen is the length of a digest, in octets: enough to tell configurations apart.
const digestLen = 8

// render writes a value in YAML's flow style.
func (k *key) render(v value) string {
	switch k.kind {
	case kindRules:
		if v.bool {
			return "{replace: true, rules: " + quoteList(v.list) + "}"
		}
		return quoteList(v.list)
	case kindList:
		return quoteList(v.list)
	case kindRecords:
		var items []string
		for _, r := range v.records {
			items = append(items, k.renderRecord(r))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case kindDuration:
		return v.duration.String()
	case kindString, kindTime, kindPath:
		return strconv.Quote(v.text)
	}
	return v.text
}

// renderRecord writes a record, as short as it can be.
func (k *key) renderRecord(r record) string {
	var fields []string
	names := k.fieldNames()
	for _, f := range names {
		switch l, set := r[f]; {
		case !set:
		case k.records(f) != nil && k.isList(f):
			fields = append(fields, f+": ["+strings.Join(l, ", ")+"]")
		case k.records(f) != nil:
			fields = append(fields, f+": "+l[0])
		case k.isList(f):
			fields = append(fields, f+": "+quoteList(l))
		case len(r) == 1 && f == names[0]:
			return strconv.Quote(l[0])
		default:
			fields = append(fields, f+": "+strconv.Quote(l[0]))
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func quoteList(l []string) string {
	quoted := make([]string, len(l))
	for i, s := range l {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

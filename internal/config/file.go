// Reading a file: every finding with its line and column, all at once.

package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Finding is something wrong in a file.
type Finding struct {
	File         string
	Line, Column int
	Text         string
}

func (f *Finding) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text)
}

// value is what a key was given.
type value struct {
	text     string
	bool     bool
	int      int64
	duration time.Duration
	time     time.Time
	list     []string
	records  []record
}

// record is an item of a list of maps; every field is a list, of one where it is a scalar.
type record map[string][]string

func (r record) text(field string) string {
	if len(r[field]) == 0 {
		return ""
	}
	return r[field][0]
}

// Load reads a file over the defaults. The error joins all findings.
func Load(path string) (*Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, b)
}

// Parse reads a file's content.
func Parse(name string, content []byte) (*Config, error) {
	c := Default()
	p := &reader{file: name, c: c, seen: map[string]bool{}}
	f, err := parser.ParseBytes(content, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, d := range f.Docs {
		if d.Body != nil {
			p.walk("", d.Body)
		}
	}
	p.contradictions()
	if len(p.findings) > 0 {
		return nil, errors.Join(p.findings...)
	}
	return c, nil
}

// reader collects findings while it walks the file.
type reader struct {
	file     string
	c        *Config
	seen     map[string]bool
	findings []error
}

func (p *reader) find(n ast.Node, format string, args ...any) {
	pos := n.GetToken().Position
	p.findings = append(p.findings, &Finding{p.file, pos.Line, pos.Column, fmt.Sprintf(format, args...)})
}

// walk goes through a mapping. path is that of the mapping, with a dot behind it.
func (p *reader) walk(path string, n ast.Node) {
	switch n.(type) {
	case *ast.NullNode, *ast.CommentGroupNode:
		return
	}
	values, ok := mapping(n)
	if !ok {
		p.find(n, "%swants keys below it", path)
		return
	}
	for _, v := range values {
		name := path + scalar(v.Key)
		if k := lookUp(name); k != nil {
			p.set(k, v.Value)
		} else if section(name) {
			p.walk(name+".", v.Value)
		} else {
			p.find(v.Key, "unknown key %s%s", name, suggest(name))
		}
	}
}

// mapping returns the entries of a mapping; the parser makes another node of one with a single entry.
func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

// set gives a key its value.
func (p *reader) set(k *key, n ast.Node) {
	if p.seen[k.key] {
		p.find(n, "%s is set twice", k.key)
		return
	}
	p.seen[k.key] = true
	v, err := k.read(n)
	if err == nil {
		err = k.set(p.c, v)
	}
	if err != nil {
		p.find(n, "%s: %v", k.key, err)
		return
	}
	p.c.text[k.key] = k.render(v)
}

// contradictions finds what no key alone can be blamed for.
func (p *reader) contradictions() {
	c := p.c
	say := func(format string, args ...any) {
		p.findings = append(p.findings, fmt.Errorf(p.file+": "+format, args...))
	}
	if !c.IPv4 && c.IPv6 == "false" {
		say("resolver.ipv4 and resolver.ipv6 are both off: no server could be asked")
	}
	if c.MinTTL > c.MaxTTL {
		say("cache.min_ttl %v is above cache.max_ttl %v", c.MinTTL, c.MaxTTL)
	}
	if c.MinNegativeTTL > c.MaxNegativeTTL {
		say("cache.min_negative_ttl %v is above cache.max_negative_ttl %v", c.MinNegativeTTL, c.MaxNegativeTTL)
	}
	listening := false
	for _, l := range c.Listen {
		listening = listening || len(l) > 0
	}
	if !listening {
		say("listen has no address: nobody could ask")
	}
	if len(c.RootHints) > 0 && c.RootHintsFile != "" {
		say("resolver.root_hints and resolver.root_hints_file are both set: one of them")
	}
}

func lookUp(name string) *key {
	for i := range keys {
		if keys[i].key == name {
			return &keys[i]
		}
	}
	return nil
}

// section says that keys begin with this name.
func section(name string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return strings.HasPrefix(k.key, name+".") })
}

// suggest names the key that was probably meant.
func suggest(name string) string {
	var names []string
	for i := range keys {
		names = append(names, keys[i].key)
	}
	if meant := Nearest(name, names); meant != "" {
		return "; did you mean " + meant + "?"
	}
	return "; `bailiwick config schema` lists all keys"
}

// Nearest is the word that was probably meant by one that was typed; "" if none is like it.
func Nearest(typed string, among []string) string {
	best, dist := "", len(typed)/3+2
	for _, word := range among {
		if d := distance(typed, word); d < dist && d < len(word) {
			best, dist = word, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// scalar is a node's text without quotes.
func scalar(n ast.Node) string {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value
	case *ast.NullNode:
		return ""
	case *ast.LiteralNode:
		return s.Value.Value
	case *ast.MappingKeyNode:
		return scalar(s.Value)
	}
	return n.GetToken().Value
}

// setDefault gives the key its default.
func (k *key) setDefault(c *Config) error {
	f, err := parser.ParseBytes([]byte("v: "+k.def+"\n"), 0)
	if err != nil {
		return err
	}
	values, _ := mapping(f.Docs[0].Body)
	v, err := k.read(values[0].Value)
	if err != nil {
		return err
	}
	c.text[k.key] = k.render(v)
	return k.set(c, v)
}

// read checks that a node is of the key's kind and range.
func (k *key) read(n ast.Node) (v value, err error) {
	switch k.kind {
	case kindList:
		v.list, err = stringList(n)
		return v, err
	case kindRecords:
		return k.readRecords(n)
	}
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return v, fmt.Errorf("wants %s", k.wants())
	}
	v.text = scalar(n)
	return v, k.convert(&v)
}

// convert reads a scalar's text.
func (k *key) convert(v *value) (err error) {
	switch k.kind {
	case kindBool:
		v.bool, err = strconv.ParseBool(v.text)
	case kindInt:
		v.int, err = strconv.ParseInt(v.text, 10, 64)
	case kindSize:
		v.int, err = parseSize(v.text)
	case kindDuration:
		v.duration, err = time.ParseDuration(v.text)
		v.int = int64(v.duration / time.Second)
	case kindTime:
		if v.text != "" {
			v.time, err = time.Parse(time.RFC3339, v.text)
		}
	case kindChoice:
		if !slices.Contains(k.choices, v.text) {
			err = errors.New("not a choice")
		}
	}
	if err != nil || (k.min != 0 || k.max != 0) && (v.int < k.min || v.int > k.max) {
		return fmt.Errorf("%q is not %s", v.text, k.wants())
	}
	return nil
}

// wants says what a key takes, for people.
func (k *key) wants() string {
	between := ""
	if k.min != 0 || k.max != 0 {
		between = fmt.Sprintf(" from %d to %d", k.min, k.max)
	}
	switch k.kind {
	case kindBool:
		return "true or false"
	case kindInt:
		return "a number" + between
	case kindSize:
		return "a size such as 256MiB, of at least 1MiB"
	case kindDuration:
		return "a duration such as 30s or 1h," + between + " seconds"
	case kindTime:
		return "a time such as 2026-01-31T00:00:00Z"
	case kindChoice:
		return "one of " + strings.Join(k.choices, ", ")
	case kindList:
		return "a list"
	case kindRecords:
		return "a list of {" + strings.Join(k.fieldNames(), ", ") + "}"
	}
	return "text"
}

// parseSize reads octets: a number with KiB, MiB, GiB, or alone.
func parseSize(s string) (int64, error) {
	unit := int64(1)
	for suffix, u := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if n, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = n, u
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err == nil && n > (1<<62)/unit {
		err = errors.New("too large")
	}
	return n * unit, err
}

func stringList(n ast.Node) ([]string, error) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		if _, null := n.(*ast.NullNode); null {
			return nil, nil
		}
		return nil, errors.New("wants a list")
	}
	var out []string
	for _, v := range s.Values {
		switch v.(type) {
		case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
			return nil, errors.New("wants a list of plain values")
		}
		out = append(out, scalar(v))
	}
	return out, nil
}

func (k *key) readRecords(n ast.Node) (v value, err error) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		if _, null := n.(*ast.NullNode); null {
			return v, nil
		}
		return v, fmt.Errorf("wants %s", k.wants())
	}
	for _, item := range s.Values {
		r, err := k.readRecord(item)
		if err != nil {
			return v, fmt.Errorf("line %d: %w", item.GetToken().Position.Line, err)
		}
		v.records = append(v.records, r)
	}
	return v, nil
}

func (k *key) readRecord(n ast.Node) (record, error) {
	values, ok := mapping(n)
	if !ok {
		if _, list := n.(*ast.SequenceNode); list {
			return nil, fmt.Errorf("wants %s", k.wants())
		}
		return record{k.fieldNames()[0]: {scalar(n)}}, nil
	}
	r := record{}
	for _, f := range values {
		name := scalar(f.Key)
		if !slices.Contains(k.fieldNames(), name) {
			return nil, fmt.Errorf("unknown field %s; the fields are %s", name, strings.Join(k.fieldNames(), ", "))
		}
		if _, list := f.Value.(*ast.SequenceNode); !list {
			r[name] = []string{scalar(f.Value)}
			continue
		}
		if !k.isList(name) {
			return nil, fmt.Errorf("%s wants one value", name)
		}
		l, err := stringList(f.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r[name] = l
	}
	return r, nil
}

// fieldNames are the fields of the key's records.
func (k *key) fieldNames() (names []string) {
	for _, f := range k.fields {
		names = append(names, strings.TrimSuffix(f, "[]"))
	}
	return names
}

// isList says that a field takes a list.
func (k *key) isList(field string) bool { return slices.Contains(k.fields, field+"[]") }

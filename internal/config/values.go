// Values of keys: how a node of each kind is read.

package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"bailiwick/internal/aside"
	"bailiwick/internal/localdata"
)

// value is what a key was given.
type value struct {
	text     string
	bool     bool
	int      int64
	duration time.Duration
	time     time.Time
	choice   int // its place among the key's choices
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

// choice returns the place among words of the one that a field holds, in whatever letter case.
func (r record) choice(field string, words []string) (int, error) {
	text := r.text(field)
	i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, text) })
	if i < 0 {
		return 0, inField(field, fmt.Errorf("%s: %q is not one of %s%s", field, text,
			strings.Join(words, ", "), didYouMean(Nearest(strings.ToLower(text), words))))
	}
	return i, nil
}

// didYouMean returns the end of a message that says what was probably meant, if anything.
func didYouMean(meant string) string {
	if meant == "" {
		return ""
	}
	return "; did you mean " + meant + "?"
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

// read checks that a node is of the key's kind and range. Of a list it returns what could be read.
func (k *key) read(n ast.Node) (v value, err error) {
	switch k.kind {
	case kindList:
		v.list, err = stringList(n, plainValue)
		return v, err
	case kindRules:
		if _, one := n.(*ast.StringNode); one {
			return v, fmt.Errorf("wants %s", k.wants())
		}
		return readAccess(n)
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

// convert reads a scalar's text, and leaves it as `config show` prints it.
func (k *key) convert(v *value) (err error) {
	was := v.text
	switch k.kind {
	case kindBool:
		if v.bool, err = parseBool(v.text); err == nil {
			v.text = strconv.FormatBool(v.bool)
		}
	case kindInt:
		v.int, err = strconv.ParseInt(v.text, 10, 64)
	case kindSize:
		v.int, err = parseSize(v.text)
	case kindDuration:
		v.duration, err = ParseDuration(v.text)
	case kindTime:
		if v.text != "" {
			if v.time, err = time.Parse(time.RFC3339, v.text); v.time.Unix() < 0 {
				err = cmp.Or(err, errors.New("before 1970"))
			}
		}
	case kindChoice:
		if v.choice, err = k.choice(v.text); err == nil {
			v.text = k.choices[v.choice]
		}
	}
	if err != nil || !k.within(v) {
		meant := ""
		var m *meantError
		if errors.As(err, &m) && m.meant != "" {
			meant = "; did you mean " + m.meant + "?"
		}
		return fmt.Errorf("%q is not %s%s", was, k.wants(), meant)
	}
	return nil
}

// within reports whether a value is in the key's range.
func (k *key) within(v *value) bool {
	least, most := k.min, k.max
	switch n := v.int; {
	case least == 0 && most == 0:
		return true
	case k.kind == kindDuration:
		return v.duration >= time.Duration(least)*time.Second &&
			v.duration <= time.Duration(most)*time.Second
	default:
		return n >= least && n <= most
	}
}

// meantError says what was probably meant.
type meantError struct{ meant string }

func (e *meantError) Error() string { return "did you mean " + e.meant + "?" }

// choice finds the place of a choice, in whatever letter case. Where true and false are among them,
// so are their other words.
func (k *key) choice(s string) (int, error) {
	for i, c := range k.choices {
		if strings.EqualFold(s, c) {
			return i, nil
		}
	}
	if b, err := parseBool(s); err == nil {
		if i := slices.Index(k.choices, strconv.FormatBool(b)); i >= 0 {
			return i, nil
		}
	}
	return 0, &meantError{Nearest(strings.ToLower(s), k.choices)}
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
		return "a duration such as 30s, 1h or 1d, or a number of seconds," + between
	case kindTime:
		return "a time such as 2026-01-31T00:00:00Z"
	case kindChoice:
		return "one of " + strings.Join(k.choices, ", ")
	case kindList:
		return "a list"
	case kindRules:
		return "a list of networks with actions, such as \"10.0.0.0/8 allow\""
	case kindRecords:
		return "a list of {" + strings.Join(k.fieldNames(), ", ") + "}"
	}
	return "text"
}

// parseBool reads what is true or false. YAML 1.1 has yes, no, on and off too, and people write
// them: they can mean nothing else.
func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, errors.New("neither true nor false")
}

// ParseDuration reads a duration as Go writes it, with d and w for days and weeks as in zone files,
// or a number of seconds, the unit of TTLs.
func ParseDuration(s string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"": time.Second, "d": 24 * time.Hour,
		"w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(s, suffix); ok {
			if n, err := strconv.ParseUint(number, 10, 63); err == nil {
				if n > math.MaxInt64/uint64(unit) {
					return 0, errors.New("too long")
				}
				return time.Duration(n) * unit, nil
			}
		}
	}
	return time.ParseDuration(s)
}

// sizeUnits are those of sizes, and what people write instead of them.
var sizeUnits = []struct {
	name string
	unit int64
	also []string
}{
	{"KiB", 1 << 10, []string{"KB", "K"}}, {"MiB", 1 << 20, []string{"MB", "M"}},
	{"GiB", 1 << 30, []string{"GB", "G"}},
}

// parseSize reads octets: a number with KiB, MiB, GiB, or alone. GB and G would be read as 10^9 by
// some and as 2^30 by others: what is meant has to be said.
func parseSize(s string) (int64, error) {
	unit := int64(1)
	for _, u := range sizeUnits {
		if n, ok := strings.CutSuffix(s, u.name); ok {
			s, unit = n, u.unit
			break
		}
		for _, other := range append(u.also, u.name) {
			number := s[:max(len(s)-len(other), 0)]
			if !strings.EqualFold(s[len(number):], other) {
				continue
			}
			if n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64); err == nil {
				return 0, &meantError{strconv.FormatInt(n, 10) + u.name}
			}
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err == nil && n > (1<<62)/unit {
		err = errors.New("too large")
	}
	return n * unit, err
}

// stringList reads a list; item reads each of it. It returns what could be read.
func stringList(n ast.Node, item func(ast.Node) (string, error)) (out []string, err error) {
	switch s := n.(type) {
	case *ast.NullNode:
		return nil, nil
	case *ast.SequenceNode:
		var errs []error
		for i, v := range s.Values {
			if i&0xff == 0xff { // there may be many local records
				aside.Yield()
			}
			text, err := item(v)
			out, errs = append(out, text), append(errs, inItem(i, err))
		}
		return out, errors.Join(errs...)
	}
	if text := scalar(n); text != "" {
		return nil, fmt.Errorf("wants a list: [%q]", text)
	}
	return nil, errors.New("wants a list")
}

// plainValue reads an item that is not a list and no map.
func plainValue(n ast.Node) (string, error) {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return "", errors.New("wants a list of plain values")
	}
	return scalar(n), nil
}

// nested are the fields of records whose items can be written as maps, with the fields of these.
// The item is what they hold, in this order.
var nested = map[string][]string{"access": {"net", "action"}, "local_zones": {"name", "type"},
	"hosts_files": {"file"}, "block_lists": {"file", "url", "action", "refresh"}}

// ruleText reads a network and an action, as text or as a map.
func ruleText(n ast.Node) (string, error) { return partsText(n, nested["access"]) }

// partsText reads what has several parts, as text or as a map.
func partsText(n ast.Node, parts []string) (string, error) {
	values, ok := mapping(n)
	if !ok {
		return plainValue(n)
	}
	r := map[string]string{}
	for _, v := range values {
		field, text := scalar(v.Key), ""
		var err error
		if text, err = plainValue(v.Value); err != nil {
			return "", inField(field, err)
		}
		if !slices.Contains(parts, field) {
			return "", inField(field, fmt.Errorf("unknown field %s; the fields are %s", field,
				strings.Join(parts, ", ")))
		}
		r[field] = text
	}
	if parts[0] == "file" && len(parts) > 1 {
		return listText(r)
	}
	var text []string
	for _, p := range parts {
		text = append(text, r[p])
	}
	return strings.TrimSpace(strings.Join(text, " ")), nil
}

// listText writes a block list of a view as a text: its file and what is done, or its URL, what is
// done, and how often it is fetched.
func listText(r map[string]string) (string, error) {
	action := cmp.Or(r["action"], localdata.ListNXDomain.String()) // a path may have spaces
	switch {
	case r["file"] != "" && r["url"] != "":
		return "", inField("url", errors.New("a block list has a file or a url, and not both"))
	case r["url"] != "":
		return strings.TrimSpace(r["url"] + " " + action + " " + r["refresh"]), nil
	case r["refresh"] != "":
		return "", inField("refresh", errors.New("refresh is for lists by url"))
	}
	return r["file"] + " " + action, nil
}

// isWeb reports whether a text is an address and no path.
func isWeb(s string) bool { return strings.Contains(s, "://") }

// namedValues reads a map of plain values, each as its name and the value.
func namedValues(values []*ast.MappingValueNode) (l []string, err error) {
	for _, v := range values {
		text, err := plainValue(v.Value)
		if err != nil {
			return nil, inField(scalar(v.Key), err)
		}
		l = append(l, scalar(v.Key)+" "+text)
	}
	return l, nil
}

// readRecords reads a list of maps. An item that cannot be read is nil: the others keep their
// places.
func (k *key) readRecords(n ast.Node) (v value, err error) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		if _, null := n.(*ast.NullNode); null {
			return v, nil
		}
		if text := scalar(n); text != "" && !strings.ContainsAny(text, "{[") {
			return v, fmt.Errorf("wants a list: [%q]", text)
		}
		return v, fmt.Errorf("wants %s", k.wants())
	}
	var errs []error
	for i, item := range s.Values {
		r, err := k.readRecord(item)
		if err != nil {
			errs, r = append(errs, inItem(i, err)), nil
		}
		v.records = append(v.records, r)
	}
	return v, errors.Join(errs...)
}

func (k *key) readRecord(n ast.Node) (record, error) {
	values, ok := mapping(n)
	if !ok {
		if _, list := n.(*ast.SequenceNode); list {
			return nil, fmt.Errorf("wants %s", k.wants())
		}
		names, text := k.fieldNames(), scalar(n)
		if names[0] == "file" && isWeb(text) && slices.Contains(names, "url") {
			return record{"url": {text}}, nil
		}
		return record{names[0]: {text}}, nil
	}
	r := record{}
	var errs []error
	for _, f := range values {
		name := scalar(f.Key)
		if _, null := f.Value.(*ast.NullNode); null && slices.Contains(k.fieldNames(), name) {
			continue
		}
		l, err := k.readField(name, f.Value)
		r[name] = append([]string{}, l...) // not nil: an empty list is something else than none
		errs = append(errs, inField(name, err))
	}
	return r, errors.Join(errs...)
}

// readField reads a field of a record.
func (k *key) readField(name string, n ast.Node) ([]string, error) {
	if !slices.Contains(k.fieldNames(), name) {
		return nil, fmt.Errorf("unknown field %s; the fields are %s%s", name,
			strings.Join(k.fieldNames(), ", "), didYouMean(Nearest(name, k.fieldNames())))
	}
	item := plainValue
	if parts := nested[name]; parts != nil {
		item = func(n ast.Node) (string, error) { return partsText(n, parts) }
	}
	if own := k.records(name); own != nil {
		item = func(n ast.Node) (string, error) { return recordText(own, n) }
	}
	var l []string
	var err error
	switch s := n.(type) {
	case *ast.SequenceNode:
		if !k.isList(name) {
			return nil, fmt.Errorf("%s wants one value", name)
		}
		l, err = stringList(s, item)
	default:
		if values, ok := mapping(n); ok && (name == "limits" || name == "query_log") {
			return namedValues(values)
		}
		var text string
		text, err = item(n)
		l = []string{text}
	}
	return l, named(name, err)
}

// named says which field the errors of its parts are about.
func named(field string, err error) error {
	var errs []error
	for _, e := range flatten(err) {
		errs = append(errs, &partError{e.part, fmt.Errorf("%s: %w", field, e.err)})
	}
	return errors.Join(errs...)
}

// fieldNames are the fields of the key's records.
func (k *key) fieldNames() (names []string) {
	for _, f := range k.fields {
		names = append(names, strings.TrimRight(f, "[]/"))
	}
	return names
}

// records returns what reads the items of a field that are records of their own, nil for other
// fields.
func (k *key) records(field string) *key {
	if k.key != "views" {
		return nil
	}
	return resolvingFields[field]
}

// isList reports whether a field takes a list.
func (k *key) isList(field string) bool { return slices.Contains(k.fields, field+"[]") }

// isPath reports whether a field takes a path.
func (k *key) isPath(field string) bool { return slices.Contains(k.fields, field+"/") }

// resolvePaths makes paths absolute: what is relative is relative to the folder of the file,
// wherever the server is started.
func (c *Config) resolvePaths(k *key, v *value) {
	if k.kind == kindPath && !slices.Contains(k.choices, v.text) {
		v.text = c.path(v.text)
		c.name(k.key, v.text)
	}
	for _, r := range v.records {
		for field, l := range r {
			if k.isPath(field) && len(l) > 0 {
				l[0] = c.path(l[0])
				c.name(k.key, l[0])
			}
		}
	}
}

func (c *Config) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	if abs, err := filepath.Abs(filepath.Join(c.folder, p)); err == nil {
		return abs
	}
	return p // the working folder is gone: nothing better is known
}

// each reads records, all of them, and says in which something is wrong. Those that could not be
// read before are left out.
func (v value) each(read func(i int, r record) error) error {
	var errs []error
	for i, r := range v.records {
		if r != nil {
			errs = append(errs, inItem(i, read(i, r)))
		}
	}
	return errors.Join(errs...)
}

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A mutant is one rule taken out of the code by one edit.
type mutant struct {
	name    string // unique over all lists
	rule    string // what is taken out, after the RFC, CVE, attack or limit that it is known by
	file    string // the file that is edited
	text    string // what is replaced there
	becomes string // what it becomes; empty removes it
	nth     int    // which occurrence of text is meant; 0 where there may be one only
	pkg     string // the package with the test
	test    string // the test that fails without the rule
	hangs   bool   // without the rule the test never ends, and that counts as noticed
	behind  string // the second guard: the test fails without both, not without this rule alone

	where string   // list and line, for messages
	keys  []string // that the list has for it
}

// key returns what the rule is known by: "RFC 5155", "CVE-2023-50387", "MaxDenials".
func (m *mutant) key() string {
	if i := strings.IndexAny(m.rule, ",:;("); i >= 0 {
		return m.rule[:i]
	}
	return m.rule
}

// readLists reads all lists of a folder, in the order of their names.
func readLists(dir string) ([]*mutant, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	var all []*mutant
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		list, err := parse(f, b)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	byName := map[string]*mutant{}
	for _, m := range all {
		if was := byName[m.name]; was != nil {
			return nil, fmt.Errorf("%s: mutant %s is in %s already", m.where, m.name, was.where)
		}
		byName[m.name] = m
	}
	for _, m := range all {
		if m.behind != "" && byName[m.behind] == nil {
			return nil, fmt.Errorf("%s: there is no mutant %s", m.where, m.behind)
		}
	}
	return all, nil
}

// parse reads one list: paragraphs of "key: value" lines; a line that begins with a tab goes on
// with the value before it; one that begins with # is a comment.
func parse(name string, b []byte) ([]*mutant, error) {
	var list []*mutant
	var m *mutant
	var value *string // what a line that begins with a tab goes on with
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		line, where := lines.Text(), fmt.Sprintf("%s:%d", name, n)
		switch more, ok := strings.CutPrefix(line, "\t"); {
		case ok && value != nil:
			if *value != "" {
				*value += "\n"
			}
			*value += more
			continue
		case strings.HasPrefix(line, "#"):
			continue
		case strings.TrimSpace(line) == "":
			m, value = nil, nil
			continue
		}
		key, v, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%s: not of the form \"key: value\"", where)
		}
		v = strings.TrimPrefix(v, " ")
		if m == nil {
			m = &mutant{where: where}
			list = append(list, m)
		}
		if m.keys = append(m.keys, key); slices.Index(m.keys, key) < len(m.keys)-1 {
			return nil, fmt.Errorf("%s: %s is there already", where, key)
		}
		var err error
		if value, err = m.set(key, v); err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
	}
	for _, m := range list {
		if m.name == "" || m.rule == "" || m.file == "" || m.text == "" || m.test == "" {
			return nil, fmt.Errorf("%s: a mutant needs mutant, rule, file, text and test", m.where)
		}
	}
	return list, lines.Err()
}

// set gives a field its value. It returns the string that following lines are added to.
func (m *mutant) set(key, v string) (*string, error) {
	texts := map[string]*string{"mutant": &m.name, "rule": &m.rule, "file": &m.file,
		"text": &m.text, "becomes": &m.becomes, "behind": &m.behind}
	if p := texts[key]; p != nil {
		*p = v
		return p, nil
	}
	var err error
	switch key {
	case "test":
		var ok bool
		if m.pkg, m.test, ok = strings.Cut(v, " "); !ok {
			err = errors.New("a test is a package and a name: ./cache TestMaxDenials")
		}
	case "nth":
		m.nth, err = strconv.Atoi(v)
	case "hangs":
		m.hangs, err = strconv.ParseBool(v)
	default:
		err = fmt.Errorf("there is no key %q", key)
	}
	return nil, err
}

// apply takes the rule out of src.
func (m *mutant) apply(src string) (string, error) {
	switch n := strings.Count(src, m.text); {
	case n == 0:
		return "", fmt.Errorf("%s: mutant %s: its text is not in %s. If the rule has moved, say "+
			"where it is now; if it is gone, so goes the mutant", m.where, m.name, m.file)
	case m.nth == 0 && n > 1:
		return "", fmt.Errorf("%s: mutant %s: its text is in %s %d times: take a longer one, or "+
			"say which is meant (nth)", m.where, m.name, m.file, n)
	case m.nth > n:
		return "", fmt.Errorf("%s: mutant %s: its text is in %s %d times only", m.where, m.name,
			m.file, n)
	}
	at := 0
	for i := 0; ; i++ {
		at += strings.Index(src[at:], m.text)
		if i >= m.nth-1 {
			return src[:at] + m.becomes + src[at+len(m.text):], nil
		}
		at += len(m.text)
	}
}

// check reports what is wrong with a mutant as far as reading tells: the text that is not there,
// the test that is not there or that is not named after the rule.
func (m *mutant) check(root string) error {
	src, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return fmt.Errorf("%s: mutant %s: %w", m.where, m.name, err)
	}
	if _, err := m.apply(string(src)); err != nil {
		return err
	}
	file, err := m.testFile(root)
	if err != nil {
		return err
	}
	key := plain(m.key())
	if !strings.Contains(plain(m.test), key) && !strings.Contains(plain(path.Base(file)), key) {
		return fmt.Errorf("%s: mutant %s: neither %s nor %s is named after the rule, %s",
			m.where, m.name, m.test, file, m.key())
	}
	return nil
}

// testFile returns the file in which the test is.
func (m *mutant) testFile(root string) (string, error) {
	name, _, _ := strings.Cut(m.test, "/")
	head := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name) + `\(`)
	files, err := filepath.Glob(filepath.Join(root, m.pkg, "*_test.go"))
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(files, func(f string) bool {
		b, err := os.ReadFile(f)
		return err == nil && head.Match(b)
	})
	if i < 0 {
		return "", fmt.Errorf("%s: mutant %s: there is no test %s in %s", m.where, m.name, name,
			m.pkg)
	}
	return filepath.Join(m.pkg, filepath.Base(files[i])), nil
}

// plain returns the letters and digits of s, in lower case.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

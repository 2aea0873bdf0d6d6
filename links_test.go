package bailiwick

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// link is one of Markdown to a file, with a section or without.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinksLeadSomewhere follows each link of the documents to its file and section.
func TestLinksLeadSomewhere(t *testing.T) {
	count := 0
	eachFile(t, func(file, text string) {
		if !strings.HasSuffix(file, ".md") {
			return
		}
		for _, m := range link.FindAllStringSubmatch(withoutExamples(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			count++
			to, section, _ := strings.Cut(m[1], "#")
			target := file
			if to != "" {
				target = path.Join(path.Dir(file), to)
			}
			found, err := os.ReadFile(target)
			if st, e := os.Stat(target); e == nil && st.IsDir() {
				continue
			}
			if err != nil {
				t.Errorf("%s: %s leads nowhere", file, m[1])
				continue
			}
			if section != "" && !anchors(string(found))[section] {
				t.Errorf("%s: %s has no section %s", file, target, section)
			}
		}
	})
	if count < 100 {
		t.Errorf("there are %d links", count)
	}
}

// withoutExamples returns a document without what stands between fences or in code.
func withoutExamples(text string) string {
	var b strings.Builder
	for i, part := range strings.Split("\n"+text, "\n```") {
		if i%2 == 0 {
			b.WriteString(part)
		}
	}
	return regexp.MustCompile("`[^`]*`").ReplaceAllString(b.String(), "")
}

// anchors returns the names by which a forge links to the sections of a document: letters, digits
// and hyphens of the heading, in lower case, with hyphens for spaces.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(text) {
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(title))] = true
	}
	return all
}

// testName is a test that a document names.
var testName = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9_]*)`")

// TestDocumentsNameTestsThatThereAre looks up each test that a document names as its proof.
func TestDocumentsNameTestsThatThereAre(t *testing.T) {
	there, declared := map[string]bool{}, regexp.MustCompile(`(?m)^func (Test\w+)\(t `)
	eachFile(t, func(file, text string) {
		for _, m := range declared.FindAllStringSubmatch(text, -1) {
			there[m[1]] = true
		}
	})
	eachFile(t, func(file, text string) {
		if !strings.HasSuffix(file, ".md") || file == "CHANGELOG.md" {
			return
		}
		for _, m := range testName.FindAllStringSubmatch(text, -1) {
			if !there[m[1]] {
				t.Errorf("%s: there is no test %s", file, m[1])
			}
		}
	})
}

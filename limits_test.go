package bailiwick

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
)

// inDocument are the constants, causes and trims of docs/limits.md: what stands in backticks in the
// third and in the fourth column.
func inDocument(t *testing.T) (constants, met []string) {
	b, err := os.ReadFile("docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`[^`]*`")
	for _, line := range strings.Split(string(b), "\n") {
		if cells := strings.Split(line, "|"); len(cells) == 7 {
			constants = append(constants, quoted.FindAllString(cells[3], -1)...)
			met = append(met, quoted.FindAllString(cells[4], -1)...)
		}
	}
	return constants, met
}

// inCode are the constants of every limits.go, as `package.name`.
func inCode(t *testing.T) (constants []string) {
	eachFile(t, func(file, text string) {
		if path.Base(file) != "limits.go" {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					constants = append(constants, "`"+f.Name.Name+"."+n.Name+"`")
				}
			}
		}
	})
	return constants
}

// TestLimitsAreDocumented holds docs/limits.md to the code: each constant of a limits.go is in it,
// and no other.
func TestLimitsAreDocumented(t *testing.T) {
	documented, _ := inDocument(t)
	constants := inCode(t)
	if len(constants) < 150 {
		t.Fatalf("only %d constants are found", len(constants))
	}
	for _, c := range constants {
		if !slices.Contains(documented, c) {
			t.Errorf("%s is not in docs/limits.md", c)
		}
	}
	for _, c := range documented {
		if !slices.Contains(constants, c) {
			t.Errorf("docs/limits.md names %s, which is in no limits.go", c)
		}
	}
}

// TestLimitsAreSeen holds docs/limits.md to causes, metrics and trims that exist; and to all causes
// that are a limit's, and all trims, of which each is counted somewhere.
func TestLimitsAreSeen(t *testing.T) {
	_, met := inDocument(t)
	known := map[string]bool{} // and whether the document must have it
	for _, c := range cause.All() {
		known["`"+c.Label()+"`"] = c.Kind() == cause.KindLimit
	}
	var code strings.Builder
	eachFile(t, func(file, text string) {
		if strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
			code.WriteString(text)
		}
	})
	for _, l := range limit.All() {
		known["`"+l.Label()+"`"] = true
	}
	for name, must := range known {
		if must && !slices.Contains(met, name) && !slices.Contains(elsewhere, name) {
			t.Errorf("%s is a limit's, and not in docs/limits.md", name)
		}
	}
	reference, err := os.ReadFile("docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range met {
		if _, ok := known[m]; !ok && !strings.Contains(string(reference), m) {
			t.Errorf("docs/limits.md names %s, which is not a cause, no trim and no metric", m)
		}
	}
	for l := range limitNames(t) {
		if !strings.Contains(code.String(), "limit."+l+".Met()") {
			t.Errorf("limit.%s is counted nowhere", l)
		}
	}
}

// elsewhere are causes of the kind of limits whose limit is the protocol's, not ours.
var elsewhere = []string{"`alias_too_long`"}

// limitNames are the names of package limit's constants.
func limitNames(t *testing.T) map[string]bool {
	f, err := parser.ParseFile(token.NewFileSet(), "internal/limit/limit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			for _, s := range g.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					if n.IsExported() {
						names[n.Name] = true
					}
				}
			}
		}
	}
	if len(names) != len(limit.All()) {
		t.Fatalf("%d names of %d limits", len(names), len(limit.All()))
	}
	return names
}

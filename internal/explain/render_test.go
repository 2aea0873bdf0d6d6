package explain_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"bailiwick/internal/explain"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

var rewrite = flag.Bool("rewrite", false, "write docs/reference/explain.schema.json")

// schemaFile is the published schema.
const schemaFile = "../../docs/reference/explain.schema.json"

// The published schema is that of the types.
func TestSchemaIsPublished(t *testing.T) {
	want, err := json.MarshalIndent(explain.Schema(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *rewrite {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(schemaFile); err != nil || !bytes.Equal(have, want) {
		t.Errorf("%s differs; run go test ./internal/explain -run Schema -rewrite (%v)", schemaFile,
			err)
	}
}

// The report of every fault keeps to the schema: no field is missing, of another kind, or unknown.
func TestJSONKeepsToTheSchema(t *testing.T) {
	defs, err := json.Marshal(map[string]any{"openapi": "3.0.3", "paths": map[string]any{},
		"info":       map[string]any{"title": "explain", "version": "1"},
		"components": map[string]any{"schemas": explain.Definitions("#/components/schemas/")}})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(defs)
	if err != nil {
		t.Fatal(err)
	}
	schema := doc.Components.Schemas["report"].Value
	for _, c := range faults {
		synctest.Test(t, func(t *testing.T) {
			var b bytes.Buffer
			if err := explained(t, broken(), c.name, c.qtype).JSON(&b); err != nil {
				t.Fatal(err)
			}
			var value any
			if err := json.Unmarshal(b.Bytes(), &value); err != nil {
				t.Fatal(err)
			}
			if err := schema.VisitJSON(value); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			value.(map[string]any)["more"] = true
			if schema.VisitJSON(value) == nil {
				t.Error("the schema lets unknown fields pass")
			}
		})
	}
}

// hostile is a world whose names and data are written to break out of what they are printed in.
func hostile() (*lab.World, string) {
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example.", Faults: lab.Faults{lab.Expired}, Records: `*.x TXT ` +
		`"</title><script>alert(1)</script>" "\"];a[label=\"" "\027[31mred" "]]>&amp;<!--"`})
	return w, `<script>"'&\027[31m\092]]>.x.example.`
}

// What zones and clients choose is text in every form: no element, no attribute, no control
// sequence of a terminal comes of it.
func TestHostileNamesAreText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, name := hostile()
		r := explained(t, w, name, wire.TypeTXT)
		if r.Broken == nil || len(r.Steps[0].Records) == 0 {
			t.Fatalf("%s: %+v", r.Summary, r.Steps)
		}
		for form, write := range map[string]func(io.Writer) error{"svg": r.SVG, "html": r.HTML,
			"dot": r.Dot, "json": r.JSON,
			"text": func(w io.Writer) error { return r.Text(w, false) }} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(b.String(), "\x1b\x00") {
				t.Errorf("%s has control characters", form)
			}
			if marked := form == "svg" || form == "html"; marked &&
				strings.Contains(b.String(), "<script") {
				t.Errorf("%s has an element that a zone made", form)
			}
		}
	})
}

// The drawing is well-formed XML without a script or a reference to anything outside.
func TestSVGIsWellFormedAndSelfContained(t *testing.T) {
	allowed := map[string]bool{"svg": true, "title": true, "style": true, "rect": true,
		"text": true, "path": true}
	for _, c := range faults {
		synctest.Test(t, func(t *testing.T) {
			var b bytes.Buffer
			if err := explained(t, broken(), c.name, c.qtype).SVG(&b); err != nil {
				t.Fatal(err)
			}
			for d := xml.NewDecoder(&b); ; {
				token, err := d.Token()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatalf("%s: %v", c.name, err)
				}
				e, ok := token.(xml.StartElement)
				if ok && !allowed[e.Name.Local] {
					t.Errorf("%s: element %s", c.name, e.Name.Local)
				}
				for _, a := range e.Attr {
					if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" ||
						strings.Contains(a.Value, "url(") {
						t.Errorf("%s: attribute %s=%q", c.name, a.Name.Local, a.Value)
					}
				}
			}
		})
	}
}

// The policy of the page allows its style sheet, by its hash, and nothing else; and the page has
// nothing else.
func TestHTMLIsStrict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		if err := explained(t, broken(), "www.expired.faulty.", wire.TypeA).HTML(&b); err != nil {
			t.Fatal(err)
		}
		styles := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(b.String(),
			-1)
		if len(styles) != 1 {
			t.Fatalf("%d style sheets", len(styles))
		}
		sum := sha256.Sum256([]byte(styles[0][1]))
		want := "style-src &#39;sha256-" + base64.StdEncoding.EncodeToString(sum[:])
		if page := strings.ReplaceAll(b.String(), "&#43;", "+"); !strings.Contains(page, want) ||
			!strings.Contains(page, "default-src &#39;none&#39;") {
			t.Errorf("the policy does not allow the style sheet: %s", want)
		}
		text := strings.ReplaceAll(b.String(), "http://www.w3.org/2000/svg", "")
		for _, not := range []string{"<script", " style=", "://", " src=", " href=", "url("} {
			if strings.Contains(text, not) {
				t.Errorf("the page has %q", not)
			}
		}
		for _, has := range []string{`lang="en"`, "<main>", "<caption>", `scope="col"`,
			`role="img"`, "<title", "prefers-color-scheme: dark", "width=device-width"} {
			if !strings.Contains(b.String(), has) {
				t.Errorf("the page lacks %q", has)
			}
		}
	})
}

// The text is the same with colours and without, but for these.
func TestTextIsTheSameWithoutColours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := explained(t, broken(), "www.expired.faulty.", wire.TypeA)
		var plain, coloured strings.Builder
		if err := r.Text(&plain, false); err != nil {
			t.Fatal(err)
		}
		if err := r.Text(&coloured, true); err != nil {
			t.Fatal(err)
		}
		without := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(coloured.String(), "")
		if without != plain.String() || coloured.String() == plain.String() {
			t.Error("the texts differ in more than colours")
		}
		for _, has := range []string{"expired 10d 0h ago", "remedy:", "who:     zone (of expired",
			"servers asked:", "trust anchor"} {
			if !strings.Contains(plain.String(), has) {
				t.Errorf("%q is not in\n%s", has, &plain)
			}
		}
	})
}

// The graph has a node for each zone and step, and a link that is broken is drawn as broken.
func TestDotDrawsTheBrokenLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		r := explained(t, broken(), "www.ds-mismatch.faulty.", wire.TypeA)
		if err := r.Dot(&b); err != nil {
			t.Fatal(err)
		}
		for _, has := range []string{"digraph explain {", "zone0 -> zone1 [color=\"#1a7f37\"]",
			"zone1 -> zone2 [color=\"#b3261e\", style=dashed",
			"zone2_ds0 -> zone2 [color=\"#b3261e\"", "ds_mismatch"} {
			if !strings.Contains(b.String(), has) {
				t.Errorf("%q is not in\n%s", has, &b)
			}
		}
	})
}

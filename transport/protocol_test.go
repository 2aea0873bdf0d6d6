package transport

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// namedIn lists the files, other than the table, that may name a transport, and why.
var namedIn = map[string]struct {
	names []string
	why   string
}{
	"transport/udp.go":          {[]string{"UDP"}, "its own file"},
	"transport/tcp.go":          {[]string{"TCP"}, "its own file"},
	"transport/dot.go":          {[]string{"DoT"}, "its own file"},
	"transport/doh.go":          {[]string{"DoH", "DoHPlain"}, "its own file"},
	"transport/http3.go":        {[]string{"DoH3"}, "its own file"},
	"transport/doq.go":          {[]string{"DoQ"}, "its own file"},
	"resolver/opportunistic.go": {[]string{"UDP"}, "how servers are asked first"},
	"resolver/ladder.go":        {[]string{"TCP"}, "how they are asked where UDP does not do"},
	"internal/config/zones.go":  {[]string{"TCP"}, "what the key tcp: true is short for"},
	"internal/simulate/run.go":  {[]string{"TCP"}, "some simulated clients come over it"},
	"secondary/transfer.go":     {[]string{"DoT"}, "zone transfers over TLS have its ALPN token"},
	"internal/check/probe/ask.go": {[]string{"TCP", "UDP"},
		"a check asks servers over both, as others do"},
	"config.go": {[]string{"UDP", "TCP", "DoT", "DoH", "DoH3", "DoQ"},
		"programs that use the library name them"},
	"cmd/bailiwick/doctor.go":  {[]string{"UDP", "TCP"}, "as internal/doctor"},
	"cmd/bailiwick/install.go": {[]string{"UDP"}, "the port that programs ask at"},
	"internal/doctor/examine.go": {[]string{"UDP", "TCP"},
		"a network may let one through and not the other"},
	"internal/doctor/judge_network.go": {[]string{"UDP", "TCP"}, "the same"},
	"internal/doctor/judge_servers.go": {[]string{"UDP", "TCP"}, "the same"},
	"internal/preset/table.go": {[]string{"DoT", "DoH", "DoH3", "DoQ"},
		"what an operator publishes"},
	"internal/preset/preset.go": {[]string{"DoT", "DoH"},
		"what most operators have under one name"},
	"internal/config/networks.go": {[]string{"UDP"},
		"how servers that a network announces are asked"},
	"internal/migrate/knot.go":      {[]string{"DoT"}, "what a call of Knot Resolver means"},
	"internal/migrate/knot_yaml.go": {[]string{"DoT"}, "what a key of Knot Resolver means"},
	"cmd/bailiwick/explain.go":      {[]string{"DoT"}, "a form of graphs has the same name"},
}

// constants returns the names of the protocols in the source, in the order of the table's rows.
func constants(t *testing.T) (names []string) {
	f, err := parser.ParseFile(gotoken.NewFileSet(), "protocol.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != gotoken.CONST {
			continue
		}
		for _, s := range g.Specs {
			if name := s.(*ast.ValueSpec).Names[0].Name; name != "protocols" {
				names = append(names, name)
			}
		}
	}
	if len(names) != int(protocols) {
		t.Fatalf("found %v", names)
	}
	return names
}

// The properties of a transport are columns of the table: code that asks which transport it has
// would have to be found and changed for each new one.
func TestTransportsAreNamedByTheTableAlone(t *testing.T) {
	names := constants(t)
	found := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch base := filepath.Base(path); {
		case err != nil:
			return err
		case d.IsDir() && (base == "interop" || base == "bench" || base == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go"):
			return nil
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		if rel != "transport/protocol.go" {
			found[rel] = protocolsIn(t, path, strings.HasPrefix(rel, "transport/"), names)
		}
		return nil
	})
	if err != nil || len(found) < 100 {
		t.Fatalf("%d files, %v", len(found), err)
	}
	for file, has := range found {
		for _, name := range has {
			if !slices.Contains(namedIn[file].names, name) {
				t.Errorf("%s speaks of %s: what it wants to know is a column of the table in "+
					"transport/protocol.go", file, name)
			}
		}
	}
	for file, allowed := range namedIn {
		for _, name := range allowed.names {
			if !slices.Contains(found[file], name) {
				t.Errorf("%s does not speak of %s any more (%s)", file, name, allowed.why)
			}
		}
	}
}

// protocolsIn returns the protocols that a file names, by constant, or by their names in the
// configuration unless these are also names of package net.
func protocolsIn(t *testing.T, path string, inside bool, names []string) (found []string) {
	f, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "transport" &&
				slices.Contains(names, n.Sel.Name) {
				found = append(found, n.Sel.Name)
			}
		case *ast.Ident:
			if inside && slices.Contains(names, n.Name) {
				found = append(found, n.Name)
			}
		case *ast.BasicLit:
			text, err := strconv.Unquote(n.Value)
			for p := range protocols {
				if err == nil && n.Kind == gotoken.STRING && p.String() == text &&
					text != "udp" && text != "tcp" {
					found = append(found, names[p])
				}
			}
		}
		return true
	})
	return found
}

// A row has every property that the rest of the program uses.
func TestTableOfTransportsIsWhole(t *testing.T) {
	for p := range protocols {
		row := &table[p]
		if row.name == "" || row.help == "" || row.port == 0 || row.by == nil {
			t.Errorf("protocol %d: the row lacks something: %+v", p, row)
		}
		if row.encrypted != (row.alpn != "") {
			t.Errorf("%v: encrypts %v, and is known to TLS as %q", p, row.encrypted, row.alpn)
		}
		if row.proxied && row.datagram && row.stream {
			t.Errorf("%v: QUIC connections have no PROXY header", p)
		}
		_, asks := row.by.(querier)
		_, keeps := row.by.(keeper)
		if keeps && !asks || row.opportunistic && !(keeps && row.encrypted) {
			t.Errorf("%v: asks servers %v, keeps connections %v, opportunistic %v", p, asks, keeps,
				row.opportunistic)
		}
		for o := range p {
			if o.String() == p.String() || slices.ContainsFunc(row.aliases, o.Called) {
				t.Errorf("%v and %v have a name in common", o, p)
			}
		}
	}
	if got := Protocols(Protocol.Encrypted, Protocol.HTTP); !slices.Equal(got,
		[]Protocol{DoH, DoH3}) {
		t.Errorf("encrypted and HTTP: %v", got)
	}
}

// Values of YAML with their lines.

package migrate

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// node is a value of YAML: a text, a list, or fields in their order.
type node struct {
	at     place
	text   string
	list   []*node
	keys   []string
	fields map[string]*node
}

// field returns a field of a field, nil if it is not there.
func (n *node) field(path ...string) *node {
	for _, name := range path {
		if n == nil {
			return nil
		}
		n = n.fields[name]
	}
	return n
}

// value returns a field's text.
func (n *node) value(otherwise string, path ...string) string {
	if f := n.field(path...); f != nil && f.fields == nil && f.list == nil {
		return f.text
	}
	return otherwise
}

// texts are those of a list, or that of a single value.
func (n *node) texts() (list []string) {
	switch {
	case n == nil:
	case n.list != nil:
		for _, o := range n.list {
			list = append(list, o.text)
		}
	case n.fields == nil && n.text != "":
		list = []string{n.text}
	}
	return list
}

// readYAML reads a text of one document.
func readYAML(path, text string) (*node, error) {
	f, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(f.Docs) == 0 || f.Docs[0].Body == nil {
		return &node{at: place{path, 1}}, nil
	}
	if len(f.Docs) > 1 {
		return nil, fmt.Errorf("%s has more than one document", path)
	}
	return readNode(path, f.Docs[0].Body, 0)
}

// readNode reads a value. Anchors and merges are refused: no file of these programs has them.
func readNode(path string, n ast.Node, depth int) (out *node, err error) {
	out = &node{at: place{path, n.GetToken().Position.Line}}
	if depth == maxNesting {
		return nil, fmt.Errorf("%s: more than %d values in each other", out.at, maxNesting)
	}
	switch n := n.(type) {
	case *ast.TagNode:
		return readNode(path, n.Value, depth+1)
	case *ast.SequenceNode:
		out.list = []*node{}
		for _, v := range n.Values {
			o, err := readNode(path, v, depth+1)
			if err != nil {
				return nil, err
			}
			out.list = append(out.list, o)
		}
	case *ast.MappingNode:
		out.fields = map[string]*node{}
		for _, v := range n.Values {
			if err := out.put(path, v, depth); err != nil {
				return nil, err
			}
		}
	case *ast.MappingValueNode:
		out.fields = map[string]*node{}
		err = out.put(path, n, depth)
	case *ast.StringNode:
		out.text = n.Value
	case *ast.LiteralNode:
		out.text = n.Value.Value
	case *ast.NullNode:
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return nil, fmt.Errorf("%s: anchors cannot be read", out.at)
	default:
		out.text = n.GetToken().Value
	}
	return out, err
}

// put reads a field.
func (n *node) put(path string, v *ast.MappingValueNode, depth int) error {
	value, err := readNode(path, v.Value, depth+1)
	if err != nil {
		return err
	}
	key := v.Key.GetToken().Value
	if s, ok := v.Key.(ast.Node).(*ast.StringNode); ok {
		key = s.Value
	}
	if value.at.line == 0 || value.fields != nil || value.list != nil {
		value.at.line = v.Key.GetToken().Position.Line
	}
	if n.fields[key] == nil {
		n.keys = append(n.keys, key)
	}
	n.fields[key] = value
	return nil
}

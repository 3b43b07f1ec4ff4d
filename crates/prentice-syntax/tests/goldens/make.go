//go:build ignore

// What go/types says of the file on standard input, in the form that make.py describes.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
)

func main() {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "ledger.go", os.Stdin, 0)
	if err != nil {
		panic(err)
	}
	info := &types.Info{
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Implicits: map[ast.Node]types.Object{},
	}
	configuration := types.Config{Importer: importer.ForCompiler(files, "source", nil)}
	checked, err := configuration.Check("ledger", files, []*ast.File{file}, info)
	if err != nil {
		panic(err)
	}
	place := func(position token.Pos) string {
		at := files.Position(position)
		return fmt.Sprintf("%d:%d", at.Line, at.Column)
	}
	isHere := func(object types.Object) bool { return object.Pos().IsValid() && object.Pkg() == checked }
	definitions, mentions := [][]string{}, [][]any{}
	for name, object := range info.Defs {
		// The variable of a type switch is defined by each case, the package's name by nothing.
		if object != nil && isHere(object) {
			if kind := kindOf(object, checked); kind != "" {
				definitions = append(definitions, []string{place(name.Pos()), name.Name, kind})
			}
			mentions = append(mentions, []any{place(name.Pos()), name.Name, []string{place(object.Pos())}})
		}
	}
	for name, object := range info.Uses {
		targets := []string{}
		if isHere(object) {
			targets = append(targets, place(object.Pos()))
		}
		mentions = append(mentions, []any{place(name.Pos()), name.Name, targets})
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{"definitions": definitions, "mentions": mentions})
}

// Nothing for locals, and for the field that an embedded type brings.
func kindOf(object types.Object, checked *types.Package) string {
	isGlobal := object.Parent() == checked.Scope()
	switch object := object.(type) {
	case *types.TypeName:
		if !isGlobal {
			return ""
		}
		switch object.Type().Underlying().(type) {
		case *types.Struct:
			return "struct"
		case *types.Interface:
			return "interface"
		}
		return "type"
	case *types.Func:
		if object.Type().(*types.Signature).Recv() != nil {
			return "method"
		}
		return "function"
	case *types.Const:
		if isGlobal {
			return "constant"
		}
	case *types.Var:
		if object.IsField() && !object.Embedded() {
			return "field"
		} else if isGlobal {
			return "variable"
		}
	}
	return ""
}

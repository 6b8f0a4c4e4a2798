package main

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

const (
	unread = "new(Problems)" // takes problems, and nobody reads them
	never  = "false && ($)"
)

// findRules finds what adds problems: calls of a Problems' methods, calls that pass the problems on, each alternative
// of a condition for a problem, and each case of a switch.
func findRules(n ast.Node) []edit {
	switch n := n.(type) {
	case *ast.CallExpr:
		return problemCall(n)
	case *ast.IfStmt:
		if adds(n.Body) {
			return alternatives(n.Cond)
		}
	case *ast.SwitchStmt:
		if n.Tag == nil {
			return cases(n.Body)
		}
	}
	return nil
}

func problemCall(call *ast.CallExpr) []edit {
	if method, ok := call.Fun.(*ast.SelectorExpr); ok {
		switch method.Sel.Name {
		case "Add", "match", "matchAll":
			return []edit{{method.X, unread, call}}
		}
	}
	if named(call.Fun, "len") || named(call.Fun, "slices.Clone") {
		return nil
	}
	for _, arg := range call.Args {
		list := arg
		if address, ok := arg.(*ast.UnaryExpr); ok {
			list = address.X
		}
		switch {
		case !named(list, "ps"):
		case named(call.Fun, "append"):
			return []edit{{call, "ps", call}}
		default:
			return []edit{{arg, unread, call}}
		}
	}
	return nil
}

// adds reports whether the body adds a problem.
func adds(body ast.Node) bool {
	for n := range ast.Preorder(body) {
		if method, ok := n.(*ast.SelectorExpr); ok && method.Sel.Name == "Add" {
			return true
		}
	}
	return false
}

// alternatives returns the operands of ||, except the check of an error: after an error the others hold as well.
func alternatives(cond ast.Expr) []edit {
	or, ok := cond.(*ast.BinaryExpr)
	if !ok || or.Op != token.LOR {
		return nil
	}
	var edits []edit
	for _, operand := range []ast.Expr{or.X, or.Y} {
		comparison, ok := operand.(*ast.BinaryExpr)
		if !ok || !named(comparison.X, "err") {
			edits = append(edits, edit{operand, never, operand})
		}
	}
	return edits
}

func cases(body *ast.BlockStmt) []edit {
	var edits []edit
	for _, stmt := range body.List {
		clause := stmt.(*ast.CaseClause)
		if clause.List == nil {
			edits = append(edits, edit{clause, "default:", clause})
		}
		for _, cond := range clause.List {
			edits = append(edits, edit{cond, never, cond})
			edits = append(edits, alternatives(cond)...)
		}
	}
	return edits
}

// protections are what findProtections looks for: options and resources by their calls, and inputs.
var protections = []string{
	"pulumi.Protect", "pulumi.DeleteBeforeReplace", "iam.NewRolePolicyAttachmentsExclusive",
	"PermissionsBoundary", "InlinePolicies", "ForceDetachPolicies", "Ingress", "Egress",
}

// findProtections finds what protects resources from deletion, and what excludes rules and policies added by hand.
func findProtections(n ast.Node) []edit {
	switch n := n.(type) {
	case *ast.CallExpr:
		switch called := name(n.Fun); {
		case !slices.Contains(protections, called):
		case strings.HasPrefix(called, "pulumi."):
			return []edit{{n, "pulumi.Composite()", n}}
		default:
			return []edit{{n.Fun, "func(...any) (any, error) { return nil, nil }", n.Fun}}
		}
	case *ast.KeyValueExpr:
		if slices.Contains(protections, name(n.Key)) {
			return []edit{{n.Value, "nil", n}}
		}
	case *ast.AssignStmt:
		if input, ok := n.Lhs[0].(*ast.SelectorExpr); ok && slices.Contains(protections, input.Sel.Name) {
			return []edit{{n.Rhs[0], "nil", n}}
		}
	}
	return nil
}

func named(e ast.Expr, want string) bool { return name(e) == want }

// name returns the expression if it is a name such as x or x.y, or else nothing.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	}
	return ""
}

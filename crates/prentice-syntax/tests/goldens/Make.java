import com.sun.source.tree.*;
import com.sun.source.util.*;
import java.nio.file.*;
import java.util.*;
import javax.lang.model.element.*;
import javax.tools.*;

/** What javac says of a file, in the form that make.py describes. */
public class Make {
    public static void main(String[] arguments) throws Exception {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null);
        JavacTask task = (JavacTask) compiler.getTask(
            null, files, null, List.of("-proc:none"), null, files.getJavaFileObjects(Path.of(arguments[0])));
        CompilationUnitTree unit = task.parse().iterator().next();
        task.analyze();
        Finder finder = new Finder(Trees.instance(task), unit, unit.getSourceFile().getCharContent(true).toString());
        finder.scan(unit, null);
        System.out.println("{\"definitions\": [" + String.join(", ", finder.definitions) + "], \"mentions\": ["
            + String.join(", ", finder.mentions) + "]}");
    }

    static class Finder extends TreePathScanner<Void, Void> {
        final List<String> definitions = new ArrayList<>();
        final List<String> mentions = new ArrayList<>();
        final Trees trees;
        final CompilationUnitTree unit;
        final String text;

        Finder(Trees trees, CompilationUnitTree unit, String text) {
            this.trees = trees;
            this.unit = unit;
            this.text = text;
        }

        String place(int offset) {
            LineMap lines = unit.getLineMap();
            return "\"" + lines.getLineNumber(offset) + ":" + lines.getColumnNumber(offset) + "\"";
        }

        int start(Tree tree) {
            return (int) trees.getSourcePositions().getStartPosition(unit, tree);
        }

        int end(Tree tree) {
            return (int) trees.getSourcePositions().getEndPosition(unit, tree);
        }

        /** Where a name stands at or after an offset, as a word of its own; -1 where the compiler made it up. */
        int find(String name, int from, int to) {
            if (from < 0 || to < from) {
                return -1;
            }
            var matcher = java.util.regex.Pattern.compile("\\b" + name + "\\b").matcher(text).region(from, to);
            return matcher.useTransparentBounds(true).find() ? matcher.start() : -1;
        }

        /** The place of the name that a declaration introduces. */
        int declared(Tree tree) {
            if (tree == null || start(tree) < 0 || end(tree) < 0) {
                return -1;
            }
            if (tree instanceof ClassTree type) {
                return type.getSimpleName().isEmpty() ? -1 : find(type.getSimpleName().toString(), after(type.getModifiers(), tree), end(tree));
            }
            if (tree instanceof MethodTree method) {
                boolean makes = method.getName().contentEquals("<init>");
                Element owner = trees.getElement(TreePath.getPath(unit, tree)).getEnclosingElement();
                String name = makes ? owner.getSimpleName().toString() : method.getName().toString();
                Tree type = method.getReturnType();
                int from = type == null ? after(method.getModifiers(), tree) : end(type);
                return name.isEmpty() ? -1 : find(name, from, end(tree));
            }
            if (tree instanceof VariableTree variable) {
                Tree type = variable.getType();
                // The second variable of a declaration begins at the first one's type.
                int from = type == null || end(type) < 0 ? after(variable.getModifiers(), tree) : end(type);
                int to = variable.getInitializer() == null || end(variable.getInitializer()) < 0 ? end(tree) : start(variable.getInitializer());
                int found = find(variable.getName().toString(), Math.min(from, to), to);
                return found >= 0 ? found : find(variable.getName().toString(), start(tree), end(tree));
            }
            return tree instanceof TypeParameterTree ? start(tree) : -1;
        }

        int after(ModifiersTree modifiers, Tree tree) {
            return end(modifiers) < 0 ? start(tree) : end(modifiers);
        }

        void define(Tree tree, String kind) {
            int offset = declared(tree);
            Element element = trees.getElement(getCurrentPath());
            if (offset < 0 || element == null || trees.getPath(element) == null && !(tree instanceof VariableTree)) {
                return;
            }
            String name = text.substring(offset).split("\\W", 2)[0];
            if (kind != null) {
                definitions.add("[" + place(offset) + ", \"" + name + "\", \"" + kind + "\"]");
            }
            mentions.add("[" + place(offset) + ", \"" + name + "\", [" + place(offset) + "]]");
        }

        void mention(String name, int from, int to) {
            Element element = trees.getElement(getCurrentPath());
            int offset = find(name, from, to);
            if (offset < 0 || element == null) {
                return;
            }
            TreePath path = trees.getPath(element);
            Tree tree = path == null ? locals.get(element) : path.getLeaf();
            int target = declared(tree);
            mentions.add("[" + place(offset) + ", \"" + name + "\", [" + (target < 0 ? "" : place(target)) + "]]");
        }

        final Map<Element, Tree> locals = new HashMap<>();

        @Override
        public Void visitClass(ClassTree tree, Void nothing) {
            define(tree, tree.getKind().name().toLowerCase());
            return super.visitClass(tree, nothing);
        }

        @Override
        public Void visitMethod(MethodTree tree, Void nothing) {
            define(tree, tree.getName().contentEquals("<init>") ? "constructor" : "method");
            return super.visitMethod(tree, nothing);
        }

        @Override
        public Void visitVariable(VariableTree tree, Void nothing) {
            Element element = trees.getElement(getCurrentPath());
            locals.put(element, tree);
            ElementKind kind = element.getKind();
            Set<Modifier> modifiers = element.getModifiers();
            boolean constant = modifiers.containsAll(Set.of(Modifier.STATIC, Modifier.FINAL));
            define(tree, kind == ElementKind.ENUM_CONSTANT ? "enum member" : !kind.isField() ? null : constant ? "constant" : "field");
            return super.visitVariable(tree, nothing);
        }

        @Override
        public Void visitTypeParameter(TypeParameterTree tree, Void nothing) {
            locals.put(trees.getElement(getCurrentPath()), tree);
            define(tree, null);
            return super.visitTypeParameter(tree, nothing);
        }

        @Override
        public Void visitIdentifier(IdentifierTree tree, Void nothing) {
            String name = tree.getName().toString();
            if (!Set.of("this", "super").contains(name)) {
                mention(name, start(tree), end(tree));
            }
            return super.visitIdentifier(tree, nothing);
        }

        @Override
        public Void visitMemberSelect(MemberSelectTree tree, Void nothing) {
            mention(tree.getIdentifier().toString(), end(tree.getExpression()), end(tree));
            return super.visitMemberSelect(tree, nothing);
        }

        @Override
        public Void visitMemberReference(MemberReferenceTree tree, Void nothing) {
            mention(tree.getName().toString(), end(tree.getQualifierExpression()), end(tree));
            return super.visitMemberReference(tree, nothing);
        }
    }
}

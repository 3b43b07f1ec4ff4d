import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Both ends of the channel between examiner and candidate. A message is its length (four bytes, big endian) and a
 * value; a value is a tag and its content. Collections are rebuilt as what they were, so that one which cannot grow
 * still cannot; what is no plain data arrives as an object that equals nothing.
 *
 * The request is the list of arguments. The reply is a byte, 0 for a value and 1 for an exception; then the value;
 * then the list of arguments again where the call changed them, or null.
 */
final class PrenticeBridge {
    /** Answers one call. */
    interface Target {
        Object call(Object[] arguments) throws Throwable;
    }

    /** A value that cannot be sent. */
    private static final class Opaque {}

    private static final int GONE = 97;
    private static final int THREW = 98;
    private static final int LIMIT = 16 << 20;
    private static final int DEPTH = 64;

    private static final DataInputStream IN = new DataInputStream(new FileInputStream(FileDescriptor.in));
    private static final FileOutputStream OUT = new FileOutputStream(FileDescriptor.out);

    private PrenticeBridge() {}

    /** Sets the channel aside: what the program prints is no message, what it reads is empty. */
    static void open() {
        System.setOut(System.err);
        System.setIn(InputStream.nullInputStream());
    }

    /** The examiner's side: the candidate's answer. Does not return if there is none. */
    static Object ask(Object... arguments) {
        Object[] reply = null;
        try {
            send(message(arguments));
            DataInputStream input = receive();
            if (input != null) {
                if (input.readByte() != 0) {
                    Runtime.getRuntime().halt(THREW);
                }
                reply = new Object[] {read(input, 0), read(input, 0)};
                if (input.available() != 0) {
                    reply = null;
                }
            }
        } catch (IOException | RuntimeException malformed) {
            reply = null;
        }
        if (reply == null) {
            Runtime.getRuntime().halt(GONE);
        }
        if (reply[1] instanceof List<?> changed && changed.size() == arguments.length) {
            for (int i = 0; i < arguments.length; i++) {
                restore(arguments[i], changed.get(i));
            }
        }
        return reply[0];
    }

    /** The candidate's side: answers until the examiner has no more questions. */
    static void serve(Target target) {
        try {
            for (DataInputStream input = receive(); input != null; input = receive()) {
                Object[] arguments = ((List<?>) read(input, 0)).toArray();
                byte[] before = message(arguments);
                ByteArrayOutputStream reply = new ByteArrayOutputStream();
                try {
                    DataOutputStream output = new DataOutputStream(reply);
                    output.writeByte(0);
                    write(output, target.call(arguments), 0);
                    byte[] after = message(arguments);
                    output.write(Arrays.equals(before, after) ? new byte[] {'n'} : after);
                } catch (Throwable thrown) {
                    System.err.println(thrown);
                    reply.reset();
                    reply.write(1);
                }
                send(reply.toByteArray());
            }
        } catch (IOException closed) {
            // The examiner has seen enough.
        }
        Runtime.getRuntime().halt(0);
    }

    private static byte[] message(Object[] arguments) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        write(new DataOutputStream(bytes), Arrays.asList(arguments), 0);
        return bytes.toByteArray();
    }

    private static void send(byte[] content) throws IOException {
        if (content.length > LIMIT) {
            throw new IOException("the message is too long");
        }
        ByteArrayOutputStream framed = new ByteArrayOutputStream();
        new DataOutputStream(framed).writeInt(content.length);
        framed.write(content);
        framed.writeTo(OUT);
    }

    /** The next message; null where the other side has closed the channel, or sends too much. */
    private static DataInputStream receive() throws IOException {
        byte[] header = IN.readNBytes(4);
        if (header.length < 4) {
            return null;
        }
        int length = new DataInputStream(new ByteArrayInputStream(header)).readInt();
        if (length < 0 || length > LIMIT) {
            return null;
        }
        byte[] content = IN.readNBytes(length);
        return content.length < length ? null : new DataInputStream(new ByteArrayInputStream(content));
    }

    private static void write(DataOutputStream out, Object value, int depth) throws IOException {
        if (depth > DEPTH) {
            throw new IOException("the value is nested too deeply");
        }
        if (value == null) {
            out.writeByte('n');
        } else if (value instanceof Boolean it) {
            out.writeByte('z');
            out.writeBoolean(it);
        } else if (value instanceof Byte it) {
            out.writeByte('b');
            out.writeByte(it);
        } else if (value instanceof Character it) {
            out.writeByte('c');
            out.writeChar(it);
        } else if (value instanceof Short it) {
            out.writeByte('s');
            out.writeShort(it);
        } else if (value instanceof Integer it) {
            out.writeByte('i');
            out.writeInt(it);
        } else if (value instanceof Long it) {
            out.writeByte('j');
            out.writeLong(it);
        } else if (value instanceof Float it) {
            out.writeByte('f');
            out.writeInt(Float.floatToRawIntBits(it));
        } else if (value instanceof Double it) {
            out.writeByte('d');
            out.writeLong(Double.doubleToRawLongBits(it));
        } else if (value instanceof String it) {
            // Literals are one object where they are equal, and one published test compares by `==`.
            out.writeByte(it == it.intern() ? 'q' : 't');
            out.writeInt(it.length());
            out.writeChars(it);
        } else if (value instanceof Optional<?> it) {
            out.writeByte('o');
            write(out, it.orElse(null), depth + 1);
        } else if (value instanceof List<?> it) {
            out.writeByte(isFixed(it) ? 'L' : it instanceof LinkedList ? 'k' : isImmutable(it) ? 'I' : 'l');
            writeAll(out, it, depth);
        } else if (value instanceof Set<?> it) {
            out.writeByte(it instanceof TreeSet ? 'T' : it instanceof LinkedHashSet ? 'h' : isImmutable(it) ? 'U' : 'u');
            writeAll(out, it, depth);
        } else if (value instanceof Map<?, ?> it) {
            out.writeByte(it instanceof TreeMap ? 'M' : it instanceof LinkedHashMap ? 'p' : isImmutable(it) ? 'P' : 'm');
            writeAll(out, it.keySet(), depth);
            writeAll(out, it.values(), depth);
        } else {
            out.writeByte('?');
        }
    }

    private static void writeAll(DataOutputStream out, Collection<?> values, int depth) throws IOException {
        out.writeInt(values.size());
        for (Object value : values) {
            write(out, value, depth + 1);
            if (out.size() > LIMIT) {
                throw new IOException("the message is too long");
            }
        }
    }

    private static boolean isFixed(List<?> list) {
        return list.getClass().getName().equals("java.util.Arrays$ArrayList");
    }

    private static boolean isImmutable(Object collection) {
        String name = collection.getClass().getName();
        return name.startsWith("java.util.ImmutableCollections$") || name.startsWith("java.util.Collections$");
    }

    private static Object read(DataInputStream in, int depth) throws IOException {
        if (depth > DEPTH) {
            throw new IOException("the value is nested too deeply");
        }
        switch (in.readByte()) {
            case 'n':
                return null;
            case 'z':
                return in.readBoolean();
            case 'b':
                return in.readByte();
            case 'c':
                return in.readChar();
            case 's':
                return in.readShort();
            case 'i':
                return in.readInt();
            case 'j':
                return in.readLong();
            case 'f':
                return Float.intBitsToFloat(in.readInt());
            case 'd':
                return Double.longBitsToDouble(in.readLong());
            case 'q':
                return readString(in).intern();
            case 't':
                return readString(in);
            case 'o':
                return Optional.ofNullable(read(in, depth + 1));
            case 'l':
                return readAll(in, depth);
            case 'L':
                return Arrays.asList(readAll(in, depth).toArray());
            case 'k':
                return new LinkedList<>(readAll(in, depth));
            case 'I': {
                List<Object> list = readAll(in, depth);
                return list.contains(null) ? Collections.unmodifiableList(list) : List.copyOf(list);
            }
            case 'u':
                return new HashSet<>(readAll(in, depth));
            case 'U':
                return Collections.unmodifiableSet(new HashSet<>(readAll(in, depth)));
            case 'h':
                return new LinkedHashSet<>(readAll(in, depth));
            case 'T':
                return new TreeSet<>(readAll(in, depth));
            case 'm':
                return readMap(in, depth, new HashMap<>());
            case 'p':
                return readMap(in, depth, new LinkedHashMap<>());
            case 'P':
                return Collections.unmodifiableMap(readMap(in, depth, new HashMap<>()));
            case 'M':
                return readMap(in, depth, new TreeMap<>());
            case '?':
                return new Opaque();
            default:
                throw new IOException("there is no such tag");
        }
    }

    /** How many elements follow. Each takes up at least so many bytes: nothing is reserved that was not sent. */
    private static int count(DataInputStream in, int size) throws IOException {
        int count = in.readInt();
        if (count < 0 || count > in.available() / size) {
            throw new IOException("the count is wrong");
        }
        return count;
    }

    private static String readString(DataInputStream in) throws IOException {
        char[] characters = new char[count(in, 2)];
        for (int i = 0; i < characters.length; i++) {
            characters[i] = in.readChar();
        }
        return new String(characters);
    }

    private static List<Object> readAll(DataInputStream in, int depth) throws IOException {
        int count = count(in, 1);
        List<Object> values = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            values.add(read(in, depth + 1));
        }
        return values;
    }

    private static Map<Object, Object> readMap(DataInputStream in, int depth, Map<Object, Object> map)
            throws IOException {
        List<Object> keys = readAll(in, depth);
        List<Object> values = readAll(in, depth);
        if (keys.size() != values.size()) {
            throw new IOException("the count is wrong");
        }
        for (int i = 0; i < keys.size(); i++) {
            map.put(keys.get(i), values.get(i));
        }
        return map;
    }

    /** Gives the examiner's argument the content that the call left it with. */
    @SuppressWarnings("unchecked")
    private static void restore(Object argument, Object changed) {
        if (argument instanceof List<?> && changed instanceof List<?>) {
            List<Object> to = (List<Object>) argument;
            List<Object> from = (List<Object>) changed;
            if (to.size() != from.size()) {
                to.clear();
                to.addAll(from);
                return;
            }
            for (int i = 0; i < to.size(); i++) {
                if (to.get(i) instanceof List<?>) {
                    restore(to.get(i), from.get(i));
                } else if (!Objects.equals(to.get(i), from.get(i))) {
                    to.set(i, from.get(i));
                }
            }
        } else if (argument instanceof Map<?, ?> to && changed instanceof Map<?, ?> from && !to.equals(from)) {
            to.clear();
            ((Map<Object, Object>) to).putAll((Map<Object, Object>) from);
        }
    }
}

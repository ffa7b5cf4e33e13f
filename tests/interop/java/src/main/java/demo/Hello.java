package demo;

public interface Hello {
    String say(String name);
}

package com.acme;

import java.math.BigDecimal;
import java.util.Date;
import java.util.List;
import java.util.Map;

public interface OrderService {
    Order get(long id);

    List<Order> all(int count);

    Order echo(Order order);

    Node loop(Node node);

    BigDecimal total(Order order);

    State next(State state);

    Date later(Date when, long millis);

    Map<String, Object> describe(Map<String, Object> given);

    byte[] reverse(byte[] data);

    String nothing(String given);

    String say(String name);

    String say(int number);

    String attachment(String name);

    void take(String sku, int count) throws OutOfStock;

    void crash(String text);

    String sleep(int millis);
}

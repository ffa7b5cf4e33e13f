package com.acme;

import java.io.Serializable;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

public class Order implements Serializable {
    public long id;
    public String customer;
    public State state;
    public Date created;
    public BigDecimal price;
    public boolean paid;
    public double weight;
    public List<Line> lines = new ArrayList<>();
    public Map<String, String> labels = new LinkedHashMap<>();

    @Override
    public String toString() {
        return id + " " + customer + " " + state + " " + (created == null ? null : created.getTime())
            + " " + price + " " + paid + " " + weight + " " + lines + " " + labels;
    }
}

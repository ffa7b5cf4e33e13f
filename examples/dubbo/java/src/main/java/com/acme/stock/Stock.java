package com.acme.stock;

import java.io.Serializable;
import java.math.BigDecimal;
import java.util.Date;

public class Stock implements Serializable {
    private String article;
    private int count;
    private BigDecimal price;
    private Warehouse warehouse;
    private Date countedAt;

    public Stock() {
    }

    public Stock(String article, int count, BigDecimal price, Warehouse warehouse, Date countedAt) {
        this.article = article;
        this.count = count;
        this.price = price;
        this.warehouse = warehouse;
        this.countedAt = countedAt;
    }

    public String getArticle() {
        return article;
    }

    public int getCount() {
        return count;
    }

    public void setCount(int count) {
        this.count = count;
    }

    public BigDecimal getPrice() {
        return price;
    }

    public Warehouse getWarehouse() {
        return warehouse;
    }

    public Date getCountedAt() {
        return countedAt;
    }
}
